// Seeds a first start through the web BFF, as any client could: products, customers, and orders in different states.
import { picturePath } from '#bff-web/images/pictures.ts'
import type { EmbeddedIssuer } from '#platform/auth/issuer.ts'
import { SEED_CUSTOMERS, SEED_PRODUCTS, type SeedProduct, WAREHOUSES } from '#start/seed-data.ts'

type TokenSigner = Pick<EmbeddedIssuer, 'sign'>

const CURRENCY = 'USD'

type SeedOrder = {
  readonly key: string
  readonly customer: (typeof SEED_CUSTOMERS)[number]
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[]
  readonly token?: string
  readonly instructions?: string
  readonly cancel?: boolean
}

const [ada, ben] = SEED_CUSTOMERS
const ORDERS: readonly SeedOrder[] = [
  {
    key: 'delivered',
    customer: ada,
    lines: [
      { sku: 'mug-01', quantity: 2 },
      { sku: 'kettle-01', quantity: 1 },
    ],
    instructions: 'SANDBOX_FAST',
  },
  {
    key: 'two-parcels',
    customer: ada,
    lines: [
      { sku: 'pen-01', quantity: 1 },
      { sku: 'lamp-01', quantity: 1 },
    ],
    instructions: 'SANDBOX_STOP_AFTER_DISPATCH SANDBOX_FAST',
  },
  {
    key: 'confirmed',
    customer: ada,
    lines: [{ sku: 'chair-01', quantity: 4 }],
    instructions: 'SANDBOX_HOLD',
  },
  { key: 'approval', customer: ben, lines: [{ sku: 'tent-01', quantity: 1 }], token: 'tok_approval_never' },
  { key: 'declined', customer: ben, lines: [{ sku: 'knife-01', quantity: 1 }], token: 'tok_decline' },
  {
    key: 'cancelled',
    customer: ben,
    lines: [{ sku: 'shelf-01', quantity: 2 }],
    instructions: 'SANDBOX_HOLD',
    cancel: true,
  },
]

const OUTCOME = '__typename ... on Refusal { code message }'
const ADD_PRODUCT = `mutation SeedProduct($input: AddProductInput!) { addProduct(input: $input) { ${OUTCOME} } }`
const REGISTER = `mutation SeedCustomer($input: RegisterCustomerInput!) {
  registerCustomer(input: $input) { ${OUTCOME} }
}`
const CHECKOUT = `mutation SeedOrder($input: CheckoutInput!) {
  checkout(input: $input) { ${OUTCOME} ... on OrderAccepted { order { id } } }
}`
const CANCEL = `mutation SeedCancellation($input: CancelOrderInput!) { cancelOrder(input: $input) { ${OUTCOME} } }`
/** Refusals that mean that nothing was seeded; others are as an order of the seed should end. */
const FAULTS = new Set(['InvalidInput', 'IdempotencyConflict'])

/** Sends every command under a fixed key, so an interrupted seeding is simply repeated. Throws on the first error. */
export async function seed(web: string, issuer: TokenSigner): Promise<void> {
  const ops = await issuer.sign({ role: 'ops', subject: 'seed' })
  const families = Map.groupBy(SEED_PRODUCTS, ({ sku, family = sku }) => family)
  await Promise.all([
    ...[...families.values()].map(products => addProducts({ url: web, token: ops }, products)),
    ...SEED_CUSTOMERS.map(async ({ id, name, email }) => {
      const token = await issuer.sign({ role: 'customer', subject: id })
      await send({ url: web, token }, REGISTER, { idempotencyKey: `seed:${id}`, name, email })
    }),
  ])
  await Promise.all(ORDERS.map(order => placeOrder(web, issuer, order)))
}

/** Adds them one after the other, which is the order of variants. */
async function addProducts(session: Session, products: readonly SeedProduct[]): Promise<void> {
  for (const product of products) await send(session, ADD_PRODUCT, await productInput(product))
}

async function placeOrder(web: string, issuer: TokenSigner, order: SeedOrder): Promise<void> {
  const token = await issuer.sign({ role: 'customer', subject: order.customer.id })
  const answer = await send<{ checkout: { order?: { id: string } } }>({ url: web, token }, CHECKOUT, {
    idempotencyKey: `seed:${order.key}`,
    lines: order.lines,
    tenders: [{ kind: 'CARD', token: order.token ?? 'tok_approve' }],
    deliveryAddress: {
      name: order.customer.name,
      line1: '1 Example Street',
      city: 'New York',
      region: 'NY',
      postalCode: '10001',
      country: 'US',
    },
    deliveryInstructions: order.instructions,
  })
  const orderId = answer.checkout.order?.id
  if (order.cancel && orderId)
    await send({ url: web, token }, CANCEL, { idempotencyKey: `seed:cancel:${order.key}`, orderId })
}

async function productInput({
  sku,
  title,
  category,
  price,
  weightGrams,
  size,
  stock,
  picture,
  altText,
  ...described
}: SeedProduct): Promise<object> {
  const [lengthCm, widthCm, heightCm] = size
  return {
    ...described,
    idempotencyKey: `seed:described:${sku}`,
    sku,
    title,
    category,
    images: [{ url: await picturePath(picture), width: 800, height: 800, altText }],
    price: { amount: price, currency: CURRENCY },
    weightGrams,
    dimensions: { lengthCm, widthCm, heightCm },
    lowStockThreshold: 10,
    stock: WAREHOUSES.map((warehouse, index) => ({ warehouse, quantity: stock[index] ?? 0 })).filter(
      ({ quantity }) => quantity > 0,
    ),
  }
}

type Session = { readonly url: string; readonly token: string }
type Answer<T> = {
  readonly data?: T & Readonly<Record<string, { readonly __typename: string; readonly message?: string }>>
  readonly errors?: readonly { readonly message: string }[]
}

async function send<T extends object>({ url, token }: Session, query: string, input: object): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables: { input } }),
  })
  const answer = (await response.json()) as Answer<T>
  if (!answer.data || answer.errors)
    throw new Error(
      `seeding failed: ${answer.errors?.map(error => error.message).join('; ') ?? response.status}`,
    )
  for (const { __typename, message } of Object.values(answer.data))
    if (FAULTS.has(__typename)) throw new Error(`seeding failed: ${message}`)
  return answer.data
}
