import { startTestPostgres } from '@paperclip/postgres'
import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 180_000
t.setTimeout(fileMsMax)

// What was built is used: that a fresh clone installs and builds is clone.test.ts.
t.test(
  'deploy/install.md: its commands lead from a clone to an agent with its value, and away again',
  async (t) => {
    const server = await startTestPostgres()
    t.teardown(() => server.stop())
    const env = { YOUR_DATABASE_URL: server.adminUrl('postgres') }
    const { code, stdout, stderr } = await tryGuide(t, 'deploy/install.md', { env })
    t.equal(stderr, '')
    t.equal(code, 0)
    t.notMatch(stdout, /is left out/)
  }
)
