/**
 * The one signature profile this product speaks; what differs from it is refused, not negotiated.
 *
 * Both services must set `maxHeaderSize` to `headersBytesMax`, or node cuts off a legal actor header.
 */
export const signingProfile = Object.freeze({
  /** The only label of `Signature-Input` and `Signature`. */
  label: 'internal',
  /** RFC 9421 §2.3 `tag`: a signature made for another purpose with the same key is not one of ours. */
  tag: 'paperclip-internal-1',
  /** RFC 9421 §3.3.3. Every key is of this kind; the parameter is checked, it chooses nothing. */
  algorithm: 'hmac-sha256',
  /** Covered components, in order. `content-type` is there exactly when the body is not empty. */
  components: Object.freeze([
    '@method',
    '@authority',
    '@path',
    '@query',
    'content-type',
    'content-digest',
    'paperclip-actor'
  ] as const),
  /** Longest `expires - created`: the time a captured request stays usable where nonces are not shared. */
  validitySecondsMax: 30,
  /** How far a caller's clock may run ahead of ours. */
  createdAheadSecondsMax: 5,
  /** How long after `expires` a nonce is still remembered, so that a clock set back cannot revive it. */
  nonceKeptSeconds: 5,
  /** 128 random bits: no two callers ever meet by chance. */
  nonceBytes: 16,
  /** At least the output of SHA-256, as RFC 2104 §3 asks. */
  secretBytesMin: 32,
  /** The block of SHA-256; HMAC would hash a longer secret down, which adds nothing. */
  secretBytesMax: 64,
  /** Sent by node as `maxHeaderSize` for all headers together. */
  headersBytesMax: 32 * 1024,
  /** Room for 200 memberships, and still 8 KiB for every other header. */
  actorHeaderBytesMax: 24 * 1024,
  /** The fixed text is 250 bytes; the rest is the key id. */
  signatureInputBytesMax: 512,
  contentTypeBytesMax: 128,
  /** The longest DNS name, plus a port. */
  authorityBytesMax: 261
})

/** The name of a component the profile covers. */
export type ComponentName = (typeof signingProfile.components)[number]
