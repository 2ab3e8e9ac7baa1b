// Defines the form of a stock keeping unit (SKU), which identifies a product in every service.

/** The form in words, for error messages. */
export const SKU_FORM = '1 to 64 letters, digits, dots, dashes and underscores'

export const SKU = /^[A-Za-z0-9._-]{1,64}$/

export function isSku(text: string): boolean {
  return SKU.test(text)
}
