import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test('the guide of hardening does what it says, on an instance of several people', async (t) => {
  t.match(await tryGuide(t, 'deploy/hardening.md'), { code: 0, stdout: /all as the guide says/ })
})
