// The resolvers of the type Product: what its page alone shows is read when it was not read with the product.
import { productId } from '#bff/graph/node-ids.ts'
import { createSections } from '#bff/graph/sections.ts'
import { asVariants } from '#bff/graph/variants.ts'
import { type Pages, whole } from '#bff/pages/pages.ts'
import { checkCountry } from '#bff-web/resolvers/access.ts'
import { productPage, productShipping } from '#bff-web/resolvers/product-pages.ts'
import type { PAGE_FIELDS, ProductData, ProductPageData } from '#bff-web/resolvers/product-view.ts'
import { isStaff } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { ProductResolvers, ProductSection } from '#schema/generated/bff-web.ts'

const sections = createSections<ProductSection>()

type PageField = (typeof PAGE_FIELDS)[number]

export function productResolvers(
  pages: Pages,
): Required<Pick<ProductResolvers, PageField | 'id' | 'shippingEstimate' | 'notices'>> {
  const onPage =
    <Field extends PageField>(field: Field) =>
    async (product: ProductData, _args: unknown, context: RequestContext) => {
      const { [field]: value } = product
      return value === undefined ? (await readPage(pages, product.sku, context))[field] : value
    }
  const stock = onPage('stock')
  const variants = onPage('variants')
  return {
    id: ({ sku }) => productId(sku),
    description: onPage('description'),
    weightGrams: onPage('weightGrams'),
    dimensions: onPage('dimensions'),
    stock: (product, args, context) => (isStaff(context.viewer) ? stock(product, args, context) : null),
    variants: async (product, args, context) => asVariants(await variants(product, args, context)),
    shippingEstimate: (product, { country }, context) =>
      sections.read(product, context, {
        section: 'SHIPPING_ESTIMATE',
        message: 'What shipping costs cannot be said at the moment.',
        read: () => estimate(pages, product, { country: checkCountry(country), context }),
      }),
    notices: (product, _args, context) => sections.notices(product, context),
  }
}

async function readPage(pages: Pages, sku: string, context: RequestContext): Promise<ProductPageData> {
  const product = whole(await pages.read(productPage, { sku }, context))?.product
  if (!product) throw new CallerError('UNAVAILABLE', 'the product cannot be shown at the moment')
  return product
}

/** Estimates shipping in the product's own currency. */
async function estimate(
  pages: Pages,
  { sku, price: { currency } }: ProductData,
  { country, context }: { readonly country: string; readonly context: RequestContext },
) {
  const page = await pages.read(productShipping, { sku, country, currency }, context)
  return whole(page)?.product?.shippingEstimate ?? null
}
