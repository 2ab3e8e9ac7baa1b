// Defines the graph of the usual federation benchmark: accounts, inventory, products and reviews, with data and operations.
// Its SDL composes under both versions of federation, since one peer supports only the first.

export type Service = 'accounts' | 'inventory' | 'products' | 'reviews'

/** Sized like the original benchmark: its nested query returns about 87 KB. */
const REVIEWS_OF_FIRST_PRODUCTS = [4, 4, 1, 2]
const PRODUCTS = 5500
const NAMES = ['Table', 'Couch', 'Glass', 'Chair', 'Screen', 'Lamp', 'Grill', 'Fridge', 'Sofa']
const USERS = ['Ada', 'Ben', 'Cleo', 'Dora', 'Emil', 'Fay']
const SENTENCE =
  'It came in time and well packed, was put together within the hour, and has easily held up to a family of five and a dog since. '

export const SDL: Readonly<Record<Service, string>> = {
  accounts: `
    extend type Query { me: User user(id: ID!): User users: [User] }
    type User @key(fields: "id") { id: ID! name: String username: String birthday: Int }`,
  products: `
    extend type Query { topProducts(first: Int = 5): [Product] product(upc: String!): Product }
    type Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }`,
  inventory: `
    extend type Product @key(fields: "upc") {
      upc: String! @external
      weight: Int @external
      price: Int @external
      inStock: Boolean
      shippingEstimate: Int @requires(fields: "price weight")
    }`,
  reviews: `
    type Review @key(fields: "id") { id: ID! body: String author: User @provides(fields: "username") product: Product }
    extend type User @key(fields: "id") { id: ID! @external username: String @external reviews: [Review] }
    extend type Product @key(fields: "upc") { upc: String! @external reviews: [Review] }`,
}

type Product = {
  readonly upc: string
  readonly name: string
  readonly price: number
  readonly weight: number
}
type Review = { readonly id: string; readonly body: string; readonly upc: string }

const products: readonly Product[] = Array.from({ length: PRODUCTS }, (_, index) => ({
  upc: String(index + 1),
  name: index < NAMES.length ? (NAMES[index] ?? '') : `${NAMES[index % NAMES.length]} ${index}`,
  price: 15 + ((index * 373) % 2000),
  weight: 20 + ((index * 97) % 1500),
}))
const users = USERS.map((name, index) => ({
  id: String(index + 1),
  name: `${name} Example`,
  username: name.toLowerCase(),
  birthday: 1_234_567_890,
}))
const reviews: readonly Review[] = products.flatMap(({ upc }, index) =>
  Array.from({ length: REVIEWS_OF_FIRST_PRODUCTS[index] ?? (index < 9 ? 0 : 2) }, (_, number) => ({
    id: `${upc}-${number + 1}`,
    body: SENTENCE.repeat(index < 9 ? 2 + ((index + number) % 3) : 1),
    upc,
  })),
)
const reviewsByProduct = Map.groupBy(reviews, ({ upc }) => upc)
const productsByUpc = new Map(products.map(product => [product.upc, product]))

type WithUpc = { readonly upc: string }
type WithId = { readonly id: string }
type Weighed = { readonly price: number; readonly weight: number }

const [author] = users
const byId = ({ id }: WithId) => users.find(user => user.id === id)

/** Resolvers for `buildSubgraphSchema` of @apollo/subgraph. Every author is the first user, as in the original. */
export const RESOLVERS: Readonly<Record<Service, object>> = {
  accounts: {
    Query: { me: () => author, user: (_: unknown, wanted: WithId) => byId(wanted), users: () => users },
    User: { __resolveReference: byId },
  },
  products: {
    Query: {
      topProducts: (_: unknown, { first }: { readonly first: number }) => products.slice(0, first),
      product: (_: unknown, { upc }: WithUpc) => productsByUpc.get(upc),
    },
    Product: { __resolveReference: ({ upc }: WithUpc) => productsByUpc.get(upc) },
  },
  inventory: {
    Product: {
      inStock: ({ upc }: WithUpc) => Number(upc) % 3 !== 0,
      shippingEstimate: ({ price, weight }: Weighed) => (price > 1000 ? 0 : Math.floor(weight / 2)),
    },
  },
  reviews: {
    Review: {
      __resolveReference: ({ id }: WithId) => reviews.find(review => review.id === id),
      author: () => author,
      product: ({ upc }: WithUpc) => ({ upc }),
    },
    User: { reviews: () => reviews.slice(0, 2) },
    Product: { reviews: ({ upc }: WithUpc) => reviewsByProduct.get(upc) ?? [] },
  },
}

/** The operations that clients send. */
export const OPERATIONS = {
  big: `query TestQuery {
    users { ...User reviews { ...Review product { ...Product reviews { ...Review author { ...User
      reviews { ...Review product { ...Product } } } } } } }
    topProducts { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } }
  }
  fragment User on User { id username name }
  fragment Review on Review { id body }
  fragment Product on Product { inStock name price shippingEstimate upc weight }`,
  small: 'query SmallQuery { product(upc: "1") { upc name price inStock } }',
  large: 'query LargeQuery { topProducts(first: 5500) { upc name price weight reviews { id body } } }',
} as const
