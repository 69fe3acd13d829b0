/** Where the secrets service serves its contracts; the gateway's side of the same paths is `/api`. */
export const prefix = '/internal'
