/** A part of AWS with accounts, ARNs and a domain of its own. */
export type AwsPartition = 'aws' | 'aws-cn' | 'aws-us-gov'

/** A region, in its partition, with the only host that its requests go to. */
export interface AwsRegion {
  readonly region: string
  readonly partition: AwsPartition
  readonly host: string
}

interface PartitionEntry {
  readonly partition: AwsPartition
  readonly regionShape: RegExp
  readonly domain: string
}

const direction = '(?:central|north|south|east|west|northeast|northwest|southeast|southwest)'

/**
 * Closed on purpose: a region of another shape has no host, so text of a vault never becomes a name to connect to.
 * New regions of the same shape need no release; a new geography does.
 */
const partitions: readonly PartitionEntry[] = [
  {
    partition: 'aws',
    regionShape: new RegExp(`^(?:us|eu|ap|sa|ca|me|af|il|mx)-${direction}-[1-9][0-9]?$`),
    domain: 'amazonaws.com'
  },
  {
    partition: 'aws-cn',
    regionShape: new RegExp(`^cn-${direction}-[1-9][0-9]?$`),
    domain: 'amazonaws.com.cn'
  },
  {
    partition: 'aws-us-gov',
    regionShape: new RegExp(`^us-gov-${direction}-[1-9][0-9]?$`),
    domain: 'amazonaws.com'
  }
]

/** Finds a region of the partition table. Undefined for any other text, which must then be refused, not tried. */
export function findRegion(region: string): AwsRegion | undefined {
  const entry = partitions.find(({ regionShape }) => regionShape.test(region))
  if (entry === undefined) return undefined
  return { region, partition: entry.partition, host: `secretsmanager.${region}.${entry.domain}` }
}
