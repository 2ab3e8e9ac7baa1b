// Holds the supergraphs that random operations run on, in which all of federation's directives meet.
import { readFileSync } from 'node:fs'
import type { RequiredLeaf } from '#test/gateway/differential/synthetic-data.ts'

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@external", "@provides", "@requires", "@shareable", "@override", "@inaccessible", "@interfaceObject"])\n`

export type DifferentialCase = {
  readonly subgraphs: Readonly<Record<string, string>>
  readonly requires: Readonly<Record<string, readonly RequiredLeaf[]>>
  /**
   * Fields that never fail: one that is fetched for another with arguments of its own has its error told under its name, and
   * one that may not be null takes from its neighbours in the same request what they are needed for.
   */
  readonly sound?: readonly string[]
  /** Hidden values that subgraphs give all the same. */
  readonly enums?: Readonly<Record<string, readonly string[]>>
}

/** Several keys, nested keys, required, provided and shareable fields. */
const SHOP: DifferentialCase = {
  subgraphs: {
    products: `${LINK}
      type Query {
        products(first: Int = 3): [Product!]
        product(sku: ID!): Product
        filtered(by: Filter): [Product]
        shared: Int @shareable
      }
      input Filter { category: Category = BOOKS, tags: [String!], price: Range }
      input Range { from: Float = 0.5, to: Float! }
      enum Category { BOOKS FILMS SECRET @inaccessible }
      type Product @key(fields: "sku") @key(fields: "maker { id } slot") {
        sku: ID!
        slot: ID!
        name: String! @shareable
        category: Category
        weight: Int
        price(currency: String = "EUR"): Float
        dimensions: Dimensions
        maker: Maker
        related(first: Int): [Product!]
      }
      type Maker @key(fields: "id") { id: ID! name: String country: String! }
      type Dimensions @shareable { width: Int height: Int unit: String! }`,
    stock: `${LINK}
      type Query { warehouses: [Warehouse!]! shared: Int @shareable }
      type Warehouse @key(fields: "id") { id: ID! city: String! items: [Product] best: Product @provides(fields: "name") }
      type Product @key(fields: "sku") {
        sku: ID!
        name: String! @external
        weight: Int @external
        price(currency: String = "EUR"): Float @external
        dimensions: Dimensions @external
        inStock: Int
        delivery: String @requires(fields: "weight dimensions { width }")
        margin: Float @requires(fields: "price(currency: \\"USD\\")")
        box: Dimensions
      }
      type Dimensions @shareable { width: Int height: Int unit: String! }`,
    reviews: `${LINK}
      type Query { newest: [Review] }
      type Review @key(fields: "id") { id: ID! stars: Int! text: String author: User product: Product! }
      type User @key(fields: "id") @key(fields: "email") { id: ID! email: ID! reviews: [Review!]! }
      type Product @key(fields: "sku") {
        sku: ID!
        delivery: String @external
        reviews(min: Int = 0): [Review!]
        hint: String @requires(fields: "delivery")
      }`,
    shelves: `${LINK}
      type Query { shelf(slot: ID!): Shelf }
      type Shelf { label: String product: Product }
      type Product @key(fields: "maker { id } slot") { slot: ID! maker: Maker shelf: Int aisle(long: Boolean! = false): String }
      type Maker @key(fields: "id", resolvable: false) { id: ID! }`,
    users: `${LINK}
      type Query { me: User users: [User!] }
      type User @key(fields: "email") {
        email: ID!
        name: String!
        nick: String
        address: Address
        favourite: Warehouse
        friends: [User]
      }
      type Address { street: String! city: String zip(long: Boolean): Int }
      type Warehouse @key(fields: "id", resolvable: false) { id: ID! }`,
  },
  requires: {
    'Product.delivery': [[{ field: 'weight' }], [{ field: 'dimensions' }, { field: 'width' }]],
    'Product.margin': [[{ field: 'price', given: { currency: 'USD' } }]],
    'Product.hint': [[{ field: 'delivery' }]],
  },
  sound: ['Product.price', 'Dimensions.unit'],
  enums: { Category: ['BOOKS', 'FILMS', 'SECRET'] },
}

/** Interfaces with keys, objects that stand for them, unions and interfaces that subgraphs know in part. */
const MEDIA: DifferentialCase = {
  subgraphs: {
    catalogue: `${LINK}
      type Query { media: [Media!] item: Media search(text: String): [Hit] film: Film any: Named }
      interface Named { name: String }
      interface Media @key(fields: "id") { id: ID! title: String pages: Int }
      type Film implements Media & Named @key(fields: "id") {
        id: ID! title: String pages: Int name: String director: Person length(unit: Unit! = MINUTES): Int
      }
      type Book implements Media & Named @key(fields: "id") {
        id: ID! title: String pages: Int name: String writer: Person chapters: [Chapter!]
      }
      type Chapter { title: String! length: Int }
      enum Unit { MINUTES HOURS }
      type Person implements Named @key(fields: "id") { id: ID! name: String born: Int }
      type Place implements Named { name: String area: Float }
      union Hit = Film | Book | Person | Place`,
    ratings: `${LINK}
      type Query { top: [Media] rated(by: ID): Media! }
      type Media @interfaceObject @key(fields: "id") {
        id: ID!
        pages: Int @external
        score: Int
        ratings(first: Int): [Rating!]
        density: String @requires(fields: "pages")
      }
      type Rating { stars: Int! by: Person media: Media }
      type Person @key(fields: "id") { id: ID! trust: Float ratings: [Rating] }`,
    people: `${LINK}
      type Query { people(ids: [ID!]): [Person] actor: Worker }
      interface Worker { id: ID! works: [Work] }
      type Person implements Worker @key(fields: "id") { id: ID! bio: String! works: [Work] boss: Worker }
      type Robot implements Worker @key(fields: "id") { id: ID! model: String works: [Work] maker: Person }
      union Work = Film | Book
      type Film @key(fields: "id") { id: ID! cast: [Worker] }
      type Book @key(fields: "id") { id: ID! editor: Worker }`,
  },
  requires: { 'Media.density': [[{ field: 'pages' }]] },
}

/** A Federation 1 subgraph and two of Federation 2, with overridden fields and inaccessible parts. */
const TRAVEL: DifferentialCase = {
  subgraphs: {
    flights: `
      extend type Query { flights(on: Date): [Flight] flight(code: ID!): Flight }
      scalar Date
      type Flight @key(fields: "code") { code: ID! from: Airport to: Airport seats: Int at: Date legs: [[Leg]] }
      type Leg { miles: Int! craft: String }
      extend type Airport @key(fields: "iata") { iata: ID! @external gates: Int }`,
    airports: `${LINK}
      type Query { airports: [Airport!]! nearest(lat: Float!, lon: Float = 0): Airport }
      type Airport @key(fields: "iata") {
        iata: ID!
        city: City
        runways: [Int]
        code: String! @inaccessible
        weather: Weather
      }
      type City @key(fields: "name country { code }") { name: ID! country: Country! people: Int @shareable }
      type Country @key(fields: "code") { code: ID! label: String }
      type Weather @shareable { sky: Sky wind: Float }
      enum Sky { CLEAR RAIN SNOW }`,
    guide: `${LINK}
      type Query { cities(limit: Int): [City] }
      type City @key(fields: "name country { code }") {
        name: ID!
        country: Country!
        people: Int @shareable
        sights: [Sight!]
        weather: Weather
      }
      type Country @key(fields: "code") { code: ID! motto: String capital: City }
      type Weather @shareable { sky: Sky wind: Float }
      enum Sky { CLEAR RAIN SNOW }
      interface Sight { label: String! }
      type Museum implements Sight { label: String! fee: Float rooms: [String!] }
      type Park implements Sight { label: String! area: Int }
      type Flight @key(fields: "code") {
        code: ID!
        seats: Int @override(from: "flights")
        to: Airport @external
        tip: String @requires(fields: "to { iata code }")
      }
      type Airport @key(fields: "iata", resolvable: false) { iata: ID! code: String! @external }`,
  },
  sound: ['Airport.code'],
  requires: { 'Flight.tip': [[{ field: 'to' }, { field: 'iata' }]] },
}

/** The subgraphs of Waybill itself. */
const WAYBILL: DifferentialCase = {
  subgraphs: Object.fromEntries(
    ['orders', 'inventory', 'payment', 'shipping'].map(name => [
      name,
      readFileSync(new URL(`../../../schema/subgraphs/${name}.graphql`, import.meta.url), 'utf8'),
    ]),
  ),
  requires: {
    'Product.shippingEstimate': [
      [{ field: 'weightGrams' }],
      ...['lengthCm', 'widthCm', 'heightCm'].map(field => [{ field: 'dimensions' }, { field }]),
    ],
  },
  sound: [
    'Product.weightGrams',
    'Product.dimensions',
    'Dimensions.lengthCm',
    'Dimensions.widthCm',
    'Dimensions.heightCm',
  ],
}

const OWN = `${LINK} directive @loud(times: Int! = 1) repeatable on FIELD
  input Style { by: String! = "\\n", face: String = "😀 \\"\\\\\\u0007", note: String = """
    Two lines,
      one further in: \\\\n
  """ }\n`

/**
 * Cases that planners and gateways have confused: one name under several types, root types reached again, objects that stand for
 * interfaces and require, defaults that are hard to write, directives of the subgraphs' own.
 */
const FEED: DifferentialCase = {
  subgraphs: {
    feed: `${OWN}
      type Query { feed(first: Int = 3): [Entry] top(style: Style): Entry me: Reader word(style: Style): String }
      interface Entry { id: ID! cover: Picture }
      type Film implements Entry @key(fields: "id") { id: ID! cover: Picture title(style: Style): String pair: Post }
      type Post implements Entry @key(fields: "id") { id: ID! cover: Picture title(style: Style): String words(in: Int): Int }
      type Picture @key(fields: "id") { id: ID! }
      type Reader @key(fields: "id") { id: ID! root: Query latest: Entry }`,
    pictures: `${OWN}
      type Query { picture(style: Style): Picture named(by: Style): String }
      type Picture @key(fields: "id") { id: ID! url(size: String): String title: String alt(style: Style): String }
      type Film @key(fields: "id") { id: ID! likes(by: String): Int stars: Int pictures(first: Int): [Picture!] }
      type Post @key(fields: "id") { id: ID! likes(by: String): Int pictures(first: Int): [Picture!] }
      type Reader @key(fields: "id") { id: ID! portrait: Picture }`,
    zoo: `${OWN}
      type Query { beasts: [Beast] beast: Beast }
      interface Beast @key(fields: "tag") { tag: ID! weight: Int name(style: Style): String }
      type Owl implements Beast @key(fields: "tag") { tag: ID! weight: Int name(style: Style): String span: Int }
      type Fox implements Beast @key(fields: "tag") { tag: ID! weight: Int name(style: Style): String den: Reader }
      type Reader @key(fields: "id") { id: ID! pet: Beast }`,
    vet: `${OWN}
      type Query { patients: [Beast!] }
      type Beast @key(fields: "tag") @interfaceObject {
        tag: ID!
        weight: Int @external
        dose(style: Style): Int @requires(fields: "weight")
        mate: Beast
        label: String
      }`,
  },
  requires: { 'Beast.dose': [[{ field: 'weight' }]] },
}

export const CASES: Readonly<Record<string, DifferentialCase>> = {
  shop: SHOP,
  media: MEDIA,
  feed: FEED,
  travel: TRAVEL,
  waybill: WAYBILL,
}
