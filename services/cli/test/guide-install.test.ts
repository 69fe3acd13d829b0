import { startTestPostgres } from '@paperclip/postgres'
import t from 'tap'
import { tryGuide } from './support/try-guide.js'

// Three starts and some fifteen commands, on a machine that is busy with other suites.
const fileMsMax = 280_000
t.setTimeout(fileMsMax)

// Of what was built, without `npm ci`: clone.test.ts installs a fresh clone, `npm run guide -- deploy/install.md` does both.
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
