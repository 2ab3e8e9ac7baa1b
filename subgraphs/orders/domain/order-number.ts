// Derives the short order number that people read out from the order's id.

/** Crockford's base32 digits: no I, L, O or U (https://www.crockford.com/base32.html). */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `W` and ten base32 digits: the last 50 bits of the order id's UUID. The same id gives the same number. */
export function orderNumber(orderId: string): string {
  const bits = BigInt(`0x${orderId.replaceAll('-', '').slice(-13)}`)
  let number = ''
  for (let shift = 45n; shift >= 0n; shift -= 5n) number += DIGITS[Number((bits >> shift) & 31n)]
  return `W${number}`
}
