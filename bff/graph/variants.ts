// The variants of a product, which are those of each of them, too.

/**
 * Returns the products with all of them as the variants of each: so whoever asks for the variants of a variant reads nothing
 * more.
 */
export function asVariants<Product extends object>(
  products: readonly Product[],
): readonly (Product & { readonly variants: readonly Product[] })[] {
  const family: (Product & { readonly variants: readonly Product[] })[] = []
  for (const product of products) family.push({ ...product, variants: family })
  return family
}
