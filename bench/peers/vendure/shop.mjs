// Vendure's server with the benchmark's products and methods, on the empty database that DATABASE_URL names.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {
  bootstrap,
  DefaultLogger,
  defaultConfig,
  dummyPaymentHandler,
  LogLevel,
  mergeConfig,
} from '@vendure/core'
import { populate } from '@vendure/core/cli/index.js'

const { PORT, DATABASE_URL, PRODUCTS, WORK_DIR } = process.env
const database = new URL(DATABASE_URL)

const config = mergeConfig(defaultConfig, {
  apiOptions: {
    port: Number(PORT),
    hostname: '127.0.0.1',
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
  },
  authOptions: {
    tokenMethod: ['bearer'],
    requireVerification: false,
    superadminCredentials: { identifier: 'bench', password: randomBytes(24).toString('hex') },
    cookieOptions: { secret: randomBytes(24).toString('hex') },
  },
  dbConnectionOptions: {
    type: 'postgres',
    host: database.hostname,
    port: Number(database.port),
    username: decodeURIComponent(database.username),
    password: decodeURIComponent(database.password),
    database: database.pathname.slice(1),
    synchronize: true,
    logging: false,
    extra: { max: 20 },
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Error }),
})

const dummyPayment = {
  code: dummyPaymentHandler.code,
  arguments: [{ name: 'automaticSettle', value: 'false' }],
}
const initialData = {
  defaultLanguage: 'en',
  defaultZone: 'Europe',
  countries: [{ code: 'DE', name: 'Germany', zone: 'Europe' }],
  taxRates: [{ name: 'Standard Tax', percentage: 19 }],
  shippingMethods: [{ name: 'Standard', price: 499 }],
  paymentMethods: [{ name: 'Dummy', handler: dummyPayment }],
  collections: [],
}

const columns =
  'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets'
const rows = Array.from(
  { length: Number(PRODUCTS) },
  (_, index) => `Product ${index},product-${index},,,,,,sku-${index},19.99,standard,1000000,true,,`,
)
const file = path.join(WORK_DIR, 'products.csv')
await writeFile(file, [columns, ...rows].join('\n'))

await populate(() => bootstrap(config), initialData, file)
process.send?.('ready')
process.once('disconnect', () => process.exit())
