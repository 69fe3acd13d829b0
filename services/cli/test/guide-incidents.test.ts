import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test('the runbooks stop, show, renew and watch what they say', async (t) => {
  t.match(await tryGuide(t, 'deploy/incidents.md'), { code: 0, stdout: /all as the guide says/ })
})
