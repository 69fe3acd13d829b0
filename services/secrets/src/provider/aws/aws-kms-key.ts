import type { AwsRegion } from './aws-partition.js'

const keyArn = /^arn:([a-z-]+):kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)\/[A-Za-z0-9/_-]{1,256}$/
const keyName = /^(?:alias\/[A-Za-z0-9/_-]{1,250}|(?:mrk-)?[0-9a-fA-F-]{32,36})$/

/** Says what is wrong with a KMS key for values in a region, without repeating it: AWS takes no key of another one. */
export function faultOfKmsKey(kmsKeyId: string, { partition, region }: AwsRegion): string | null {
  if (keyName.test(kmsKeyId)) return null
  const [, arnPartition, arnRegion] = keyArn.exec(kmsKeyId) ?? []
  if (arnPartition === undefined) return 'must be the id, the alias or the ARN of a KMS key'
  return arnPartition === partition && arnRegion === region ? null : 'must be a key of the same region'
}
