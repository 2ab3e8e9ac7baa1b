// Runs Vendure's server with a shop like the benchmark's, and sends checkouts to its shop API.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { Pool } from 'undici'
import { z } from 'zod'
import { freePort } from '#start/postgres-server.ts'

type Vendure = AsyncDisposable & { checkout(): Promise<void> }

type VendureOptions = {
  /** The folder in which Vendure is installed. */
  readonly folder: string
  /** An empty database. */
  readonly databaseUrl: string
  readonly workDir: string
  readonly products: number
  /** Each caller is a customer who is logged in: Vendure keeps one cart for each. */
  readonly callers: number
}

type Sender = (query: string, variables: object, token?: string) => Promise<Answer>
type Answer = { readonly data: unknown; readonly token: string | undefined }

const READY_MS = 180_000
const PASSWORD = 'a-long-password'
const ADDRESS = {
  fullName: 'Ada L',
  streetLine1: '1 Road',
  city: 'Berlin',
  postalCode: '10115',
  countryCode: 'DE',
}

/**
 * A whole checkout in one request: two products into the cart, the address, the shipping method, and an authorised
 * payment. That is the fewest exchanges that its API allows. Each mutation is a transaction of its own.
 */
const CHECKOUT = `mutation ($first: ID!, $second: ID!, $address: CreateAddressInput!, $shipping: [ID!]!) {
  first: addItemToOrder(productVariantId: $first, quantity: 1) { __typename }
  second: addItemToOrder(productVariantId: $second, quantity: 2) { __typename }
  setOrderShippingAddress(input: $address) { __typename }
  setOrderShippingMethod(shippingMethodId: $shipping) { __typename }
  transitionOrderToState(state: "ArrangingPayment") { __typename }
  placed: addPaymentToOrder(input: { method: "dummy", metadata: {} }) { ... on Order { code state } ... on ErrorResult { message } }
}`
const placement = z.object({ placed: z.object({ code: z.string(), state: z.literal('PaymentAuthorized') }) })
const variants = z.object({
  products: z.object({ items: z.array(z.object({ variants: z.array(z.object({ id: z.string() })) })) }),
})

/** Starts the server and fills its shop. `checkout` may be called by as many callers at once as were announced. */
export async function startVendure(options: VendureOptions): Promise<Vendure> {
  await using open = new AsyncDisposableStack()
  const port = open.use(await startServer(options)).port
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: options.callers })
  open.defer(() => pool.close())
  const send = createSender(pool)
  const skus = await variantIds(send)
  const idle = await Promise.all(Array.from({ length: options.callers }, (_, index) => logIn(send, index)))
  let count = 0
  const running = open.move()
  return {
    async checkout() {
      const token = idle.pop()
      if (token === undefined) throw new Error(`more than ${options.callers} callers check out at once`)
      count += 1
      const [first, second] = [skus[count % skus.length], skus[(count * 7 + 1) % skus.length]]
      const { data } = await send(CHECKOUT, { first, second, address: ADDRESS, shipping: ['1'] }, token)
      placement.parse(data)
      idle.push(token)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function startServer({ folder, databaseUrl, workDir, products }: VendureOptions) {
  const port = await freePort()
  const child = fork(path.join(folder, 'shop.mjs'), {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--no-deprecation'],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      PRODUCTS: String(products),
      WORK_DIR: workDir,
    },
  })
  const gone = once(child, 'exit')
  const [first] = await Promise.race([
    once(child, 'message', { signal: AbortSignal.timeout(READY_MS) }),
    gone.then(([code]) => [`Vendure ended with ${code}`]),
  ])
  if (first !== 'ready') throw new Error(String(first))
  return {
    port,
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await gone
    },
  }
}

function createSender(pool: Pool): Sender {
  return async (query, variables, token) => {
    const response = await pool.request({
      path: '/shop-api',
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors } = z
      .object({ data: z.unknown(), errors: z.unknown().optional() })
      .parse(await response.body.json())
    if (errors !== undefined) throw new Error(`Vendure answered with errors: ${JSON.stringify(errors)}`)
    const issued = response.headers['vendure-auth-token']
    return { data, token: typeof issued === 'string' ? issued : undefined }
  }
}

async function variantIds(send: Sender): Promise<string[]> {
  const { data } = await send('{ products(options: { take: 100 }) { items { variants { id } } } }', {})
  return variants.parse(data).products.items.flatMap(item => item.variants.map(({ id }) => id))
}

async function logIn(send: Sender, index: number): Promise<string> {
  const emailAddress = `shopper-${index}@example.org`
  await send(
    'mutation ($input: RegisterCustomerInput!) { registerCustomerAccount(input: $input) { __typename } }',
    {
      input: { emailAddress, firstName: 'Ada', lastName: 'L', password: PASSWORD },
    },
  )
  const { token } = await send(
    'mutation ($name: String!, $password: String!) { login(username: $name, password: $password) { __typename } }',
    { name: emailAddress, password: PASSWORD },
  )
  if (token === undefined) throw new Error('Vendure did not log a customer in')
  return token
}
