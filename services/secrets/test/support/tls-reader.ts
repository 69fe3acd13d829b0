/** Reads one secret over https, as a process of its own, since authorities are read when a process starts. */
import { AwsError } from '../../src/provider/aws/aws-error.js'
import { openClient } from './aws-client.js'

const undo: (() => unknown)[] = []
const { values } = openClient({ teardown: (act) => undo.push(act) }, { endpoint: process.argv[2] ?? '' })
const outcome = await values.readValue({ secretId: 'n' }).then(
  ({ isBinary }) => `read ${isBinary}`,
  (error: unknown) => (error instanceof AwsError ? `${error.failure} ${error.mayHaveActed}` : String(error))
)
process.stdout.write(`${outcome}\n`)
await Promise.all(undo.map((act) => act()))
