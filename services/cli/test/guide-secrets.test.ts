import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test(
  'the guide of secrets does what it says, from storing one to taking a company elsewhere',
  async (t) => {
    t.match(await tryGuide(t, 'deploy/secrets.md'), { code: 0, stdout: /all as the guide says/ })
  }
)
