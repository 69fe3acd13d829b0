/** The whole environment of the server and of initdb, built from nothing: none of our variables reach it. */
export const serverEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/bin:/bin',
  // The system may not know the locale that the user set; the database's own locale is built in.
  LC_ALL: 'C',
  TZ: 'UTC'
}
