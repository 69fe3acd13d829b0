import { request } from 'undici'

/** What the bench tells the stub, and asks it. */
export interface RemoteControl {
  /** GetSecretValue calls for secrets that it has, since it started. */
  reads(): Promise<number>
  /** Answers no read until {@link release}. */
  hold(): Promise<void>
  release(): Promise<void>
}

/** Opens the control of a running stub. */
export function openRemoteControl(origin: string): RemoteControl {
  const call = async (path: string): Promise<{ reads?: number }> => {
    const { statusCode, body } = await request(origin + path, { method: 'POST' })
    if (statusCode !== 200) throw new Error(`the stub answered ${statusCode}`)
    return (await body.json()) as { reads?: number }
  }
  return {
    reads: async () => (await call('/reads')).reads ?? Number.NaN,
    hold: async () => void (await call('/hold')),
    release: async () => void (await call('/release'))
  }
}
