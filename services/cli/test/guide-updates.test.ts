import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test('deploy/updates.md: its commands update an instance and take it back', async (t) => {
  const { code, stderr } = await tryGuide(t, 'deploy/updates.md')
  t.equal(stderr, '')
  t.equal(code, 0)
})
