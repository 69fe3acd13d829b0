/** How a request that reached the service is refused: a type that clients map by, and text that they must not use. */
export class ServiceError extends Error {
  readonly type: string
  readonly status: number

  constructor(type: string, text: string, status = 400) {
    super(text)
    this.type = type
    this.status = status
  }
}

/** Shape, length or range of a parameter. */
export const validationError = (text: string) => new ServiceError('ValidationException', text)

/** A parameter whose meaning is wrong, or two that do not go together. */
export const invalidParameter = (text: string) => new ServiceError('InvalidParameterException', text)

/** The state of the secret does not allow it; also what a raw call without a token gets. */
export const invalidRequest = (text: string) => new ServiceError('InvalidRequestException', text)

/** No such secret, version or label. */
export const notFound = (what: string) =>
  new ServiceError('ResourceNotFoundException', `There is no ${what}.`)

/** The name is taken, or the token stands for another value. */
export const exists = (what: string) => new ServiceError('ResourceExistsException', `${what} exists already.`)

/** A quota is used up; this is not throttling. */
export const limitExceeded = (what: string) => new ServiceError('LimitExceededException', `Too many ${what}.`)
