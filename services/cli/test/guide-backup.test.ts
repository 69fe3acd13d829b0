import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test('deploy/backup.md: its commands back an instance up, prove the backup and restore it', async (t) => {
  const { code, stderr } = await tryGuide(t, 'deploy/backup.md')
  t.equal(stderr, '')
  t.equal(code, 0)
})
