import t from 'tap'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test('the guide of AWS does what it says, but for two commands of the AWS command line', async (t) => {
  const { code, stdout, stderr } = await tryGuide(t, 'deploy/aws.md')
  t.equal(stderr, '')
  t.match({ code, stdout }, { code: 0, stdout: /all as the guide says/ })
  // They need an account. Their flags were compared with the reference of that command line.
  const leftOut = stdout.split('\n').filter((line) => line.includes('is left out: it needs'))
  t.equal(leftOut.length, 2)
  for (const line of leftOut) t.match(line, /YOUR_AWS_ROLE$/)
  t.notMatch(stdout, /\$ aws (iam put-role-policy|cloudtrail) /)
})
