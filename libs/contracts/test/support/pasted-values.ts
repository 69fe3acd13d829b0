import { base64, filler, hex, json, pem, upper } from './credential-parts.js'

const key = `ghp_${filler(36)}`
const wide = (text: string) =>
  text.replaceAll(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0))
const word = 'hunter2hunter2'
const env = `# the team's\nMODE=fast\nexport API_TOKEN="${word}"\n`
/** Credentials as people paste them: from a page, a file, a terminal, out of another text. */
export const pasted = [
  ...[`"${key}"`, `  ${key}\n`, `\ufeff${key}`, `ghp_\u200b${filler(36)}`, wide(key), `${'x '.repeat(8000)}${key}`],
  ...[`sk–ant–api03–${filler(43)}`, `sk‑ant‑api03‑${filler(43)}`, `s\u00adk-ant-api03-${filler(43)}`],
  ...[key, `sk-ant-api03-${filler(43)}`, env, json({ password: word }), `postgres://u:${word}@db/x`].map(base64),
  ...[base64(key).replaceAll('=', ''), base64(pem('PRIVATE KEY')).replaceAll(/(.{64})/g, '$1\n')],
  ...[base64(json({ type: 'service_account', private_key: pem('PRIVATE KEY') })), `data: ${base64(key)}`],
  ...[json({ a: json({ password: word }) }), json(json({ a: json({ password: word }) })), json(pem('PRIVATE KEY'))],
  ...[encodeURIComponent(`postgres://u:${word}@db/x`), pem('PRIVATE KEY').replaceAll('\n', '\\n')],
  ...[env, `DB_PASSWORD = ${word}`, 'DB_PASSWORD=hunter2', 'DB_PASSWORD="correct horse battery"', `A=1\r\nTOKEN=${word}`],
  ...[`DB_PASSWORD='$ecretpass1'`, `db:\n  password: ${word}\n`, `password = "${word}"`, `{password: '${word}'}`],
  ...[`{ "password" : "correct horse battery" }`, `{'token': '${word}'}`, `<password>${word}</password>`],
  ...[`<add key="ApiKey" value="${word}"/>`, `tool --password ${word}`, `--api-key=${word}`, `--api-key '${word}'`],
  ...[`X-Api-Key: ${filler(20)}`, `PRIVATE-TOKEN: ${filler(20)}`, `GET / HTTP/1.1\nAuthorization: Bearer ${hex(32)}`],
  ...[`Cookie: sid=${filler(30)}`, `Bearer ${'abcdefghij'.repeat(3)}`, json({ 'x-api-key': filler(20) })],
  ...[`curl -s -u bob:${word} https://x.example`, `machine x.example login bob password ${word}`],
  ...[`//npm.example/:_authToken=${filler(36)}`, `_auth=${base64(`bob:${word}`)}`],
  ...[json({ auths: { 'ghcr.io': { auth: base64(`bob:${word}`) } } }), `https://${hex(32)}@sentry.example/1`],
  ...[`postgres://u:p@ss@db/x`, `postgres://u:pa/ss@db/x`, `postgres://u:$ecret1@db/x`, `jdbc:oracle:thin:bob/${word}@db:1521/x`],
  ...[`_AKIA${upper(16)}`, `xoxd-${filler(40)}`, `dapi${hex(32)}`, `key-${hex(32)}`, `${hex(32)}-us12`, `e2b_${hex(40)}`],
  ...[`glsa_${filler(32)}_${hex(8)}`, `dp.pt.${filler(43)}`, `sk.eyJ${filler(40)}.${filler(22)}`, `fc-${hex(32)}`],
  ...[`secret_${filler(43)}`, `pat${filler(14)}.${hex(64)}`, `${filler(14)}.atlasv1.${filler(60)}`, `EZAK${filler(54)}`],
  ...[`sb_secret_${filler(31)}`, `ATCTT3${filler(40)}`, `sgp_${hex(40)}`, `re_${filler(8)}_${filler(24)}`],
  `eyJ${filler(20)}.${filler(60)}.${filler(16)}.${filler(60)}.${filler(22)}`
] // biome-ignore format: a list reads better packed
/** What shows where a secret goes, or says that there is one: no credential. */
export const innocent = [
  ...['password=required', 'API_KEY=YOUR_API_KEY', 'api_key=xxxxxxxxxxxx', 'password=************', 'PASSWORD=<yours>'],
  ...[json({ token: '***REDACTED***' }), 'token=file:///run/secrets/x', 'token=vault:secret/data/x', 'token=secret:openai'],
  ...['token=op://vault/item/field', 'API_KEY=arn:aws:secretsmanager:us-east-1:123456789012:secret:prod', 'password=env:PW'],
  ...[`postgres://\${DB_USER}:\${DB_PASSWORD}@db:5432/x`, 'postgres://user:$PASSWORD@db/x', 'postgres://<u>:<p>@db/x'],
  ...['https://user:***@host/x', 'http://localhost:3000/@fs/x', 'http://[::1]:8080/@x', 'https://h.example:8080?by=me@x'],
  ...['ssh://APKAIOSFODNN7EXAMPLE@git.example/x', 'postgres://my-service-account-2024@db/x', 'https://cdn.example:8/a:1@2'],
  ...['Authorization: Bearer <token>', 'Authorization: Bearer $TOKEN', 'Authorization: Bearer tokens are never logged.'],
  ...['password: required', 'max_tokens: 4096', 'secret: database-2', 'Cookie: theme=dark', 'token:', 'Password: ask 1Password'],
  ...['You may login with password authentication2 here.', 'Never reveal the password: ask first.', 'docker run -u 1000:100000 x'],
  ...['<token>secret</token>', `<password>\${PASSWORD1}</password>`, 'tool --token $TOKEN1', 'tool --password-stdin 2x'],
  ...[base64('plain words, and nothing in them that anybody would hide'), base64(json({ mode: 'fast', count: 3 }))],
  ...[`data:image/png;base64,${base64(filler(120))}`, '%2Fpath%2Fof%20a%20file', '“quoted” — with dashes', 'a\\"b\\"c']
] // biome-ignore format: a list reads better packed
