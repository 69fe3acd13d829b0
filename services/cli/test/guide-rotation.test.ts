import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const guideMsMax = 280_000
t.setTimeout(guideMsMax)

t.test('every command of the guide to rotations does what the guide says', async (t) => {
  const { code, stdout, stderr } = await tryGuide(t, 'deploy/rotation.md')
  t.equal(code, 0, stderr)
  t.match(stdout, /all as the guide says \(instance/)
})
