// Maps a decline code of the provider to the message for the customer.

const BY_CODE: Readonly<Record<string, string>> = {
  insufficient_funds: 'The payment was declined: there are not enough funds.',
  approval_declined: 'The payment was declined: it was not approved.',
  unknown_token: 'The payment was declined: the card, voucher or slip is not known.',
  voucher_too_small: 'The payment was declined: the voucher does not cover its amount.',
}

/** Returns the message for the provider's code, which itself is shown to operators only. */
export function declineMessage(code: string | undefined): string {
  return BY_CODE[code ?? ''] ?? 'The payment was declined.'
}
