// Defines the seed data of a first start: a small catalogue with pictures and variants, and two customers.

export const SEED_CUSTOMERS = [
  { id: 'cus_01920000-0000-7000-8000-000000000001', name: 'Ada Example', email: 'ada@waybill.example' },
  { id: 'cus_01920000-0000-7000-8000-000000000002', name: 'Ben Example', email: 'ben@waybill.example' },
] as const

export const WAREHOUSES = ['BER-1', 'NYC-1'] as const

export type SeedProduct = {
  readonly sku: string
  readonly title: string
  readonly category: string
  readonly price: string
  readonly weightGrams: number
  readonly size: readonly [number, number, number]
  /** Quantities in BER-1 and NYC-1. */
  readonly stock: readonly [number, number]
  readonly description: string
  /** A file of the web BFF's pictures, each 800 by 800 pixels. */
  readonly picture: string
  readonly altText: string
  /** Variants follow each other, the one that stands for its family first. */
  readonly family?: string
  readonly options?: readonly { readonly name: string; readonly value: string }[]
}

export const SEED_PRODUCTS: readonly SeedProduct[] = [
  {
    sku: 'mug-01',
    title: 'Stoneware mug',
    category: 'kitchen',
    price: '14.00',
    weightGrams: 380,
    size: [10, 10, 11],
    stock: [400, 300],
    description:
      'A heavy mug for slow mornings, thrown by hand and dipped in a glaze the colour of sand. The foot is left bare, so each one is a little different.\n\nHolds 300 ml. Goes into the dishwasher.',
    picture: 'mug-sand.svg',
    altText: 'A sand-coloured stoneware mug steams on a table by a window in the morning',
    family: 'mug',
    options: [{ name: 'colour', value: 'sand' }],
  },
  {
    sku: 'mug-02',
    title: 'Stoneware mug, moss',
    category: 'kitchen',
    price: '14.00',
    weightGrams: 380,
    size: [10, 10, 11],
    stock: [120, 0],
    description:
      'A heavy mug for slow mornings, thrown by hand and dipped in a glaze the green of moss. The foot is left bare, so each one is a little different.\n\nHolds 300 ml. Goes into the dishwasher.',
    picture: 'mug-moss.svg',
    altText: 'A moss-green stoneware mug steams on a table by a window on a rainy day',
    family: 'mug',
    options: [{ name: 'colour', value: 'moss' }],
  },
  {
    sku: 'mug-03',
    title: 'Stoneware mug, midnight',
    category: 'kitchen',
    price: '16.00',
    weightGrams: 380,
    size: [10, 10, 11],
    stock: [8, 0],
    description:
      'A heavy mug for slow mornings, thrown by hand and dipped in a glaze of midnight blue, twice fired. The foot is left bare, so each one is a little different.\n\nHolds 300 ml. Goes into the dishwasher.',
    picture: 'mug-midnight.svg',
    altText: 'A midnight-blue stoneware mug steams on a table by a window at dusk',
    family: 'mug',
    options: [{ name: 'colour', value: 'midnight' }],
  },
  {
    sku: 'kettle-01',
    title: 'Pour-over kettle',
    category: 'kitchen',
    price: '59.00',
    weightGrams: 1200,
    size: [28, 18, 22],
    stock: [60, 40],
    description:
      'A gooseneck that pours as slowly as you like, in copper over steel. The handle stays cool, and the lid stays on when you tip it.\n\nHolds 0.9 l. For all stoves but induction.',
    picture: 'kettle.svg',
    altText: 'A copper kettle pours a thin stream of water over coffee in a glass dripper',
  },
  {
    sku: 'grinder-01',
    title: 'Hand coffee grinder',
    category: 'kitchen',
    price: '89.00',
    weightGrams: 700,
    size: [8, 8, 20],
    stock: [25, 0],
    description:
      'Steel burrs in a walnut sleeve, with 40 clicks from espresso to French press. Grinds 30 g in under a minute, without waking anyone.',
    picture: 'grinder.svg',
    altText: 'A hand coffee grinder of steel and walnut stands among roasted beans',
  },
  {
    sku: 'knife-01',
    title: 'Paring knife',
    category: 'kitchen',
    price: '24.50',
    weightGrams: 120,
    size: [22, 4, 3],
    stock: [150, 150],
    description:
      'Nine centimetres of carbon steel for everything that is too small for the big knife: lemons, garlic, a stubborn parcel.\n\nDry it after use.',
    picture: 'knife.svg',
    altText: 'A paring knife lies on a round board beside a sliced lemon and thyme',
  },
  {
    sku: 'lamp-01',
    title: 'Desk lamp',
    category: 'office',
    price: '72.00',
    weightGrams: 2100,
    size: [45, 20, 20],
    stock: [0, 75],
    description:
      'A reading lamp with two brass joints and a warm light of 2700 K. It stays where you put it.',
    picture: 'lamp.svg',
    altText: 'A desk lamp lights books and a cup at night, with the moon in the window',
  },
  {
    sku: 'notebook-01',
    title: 'Dotted notebook',
    category: 'office',
    price: '11.90',
    weightGrams: 310,
    size: [21, 15, 2],
    stock: [900, 700],
    description:
      '192 numbered pages with a dot every five millimetres, on paper that takes a fountain pen. Lies flat from the first page to the last.',
    picture: 'notebook.svg',
    altText: 'An open dotted notebook with a sketch of a leaf, a pencil and a real leaf beside it',
  },
  {
    sku: 'pen-01',
    title: 'Fountain pen',
    category: 'office',
    price: '39.00',
    weightGrams: 40,
    size: [15, 4, 3],
    stock: [80, 0],
    description:
      'A steel nib with a gold face and a converter for ink from the bottle. Writes a medium line, also after a week in the drawer.',
    picture: 'pen.svg',
    altText: 'A fountain pen draws a blue wave on paper, an open bottle of ink beside it',
  },
  {
    sku: 'chair-01',
    title: 'Oak chair',
    category: 'furniture',
    price: '189.00',
    weightGrams: 6800,
    size: [90, 50, 55],
    stock: [12, 8],
    description:
      'Solid oak, oiled and not lacquered, with a seat that is hollowed by hand. Comes in one piece and stays so.\n\nSeat height 46 cm.',
    picture: 'chair.svg',
    altText: 'An oak chair stands in a sunlit corner beside a tall plant',
  },
  {
    sku: 'shelf-01',
    title: 'Wall shelf',
    category: 'furniture',
    price: '64.00',
    weightGrams: 4200,
    size: [80, 22, 8],
    stock: [20, 20],
    description:
      'Eighty centimetres of ash on two steel brackets. Carries 25 kg of books, or one plant that gets out of hand.',
    picture: 'shelf.svg',
    altText: 'A wall shelf holds books, a vase and a trailing plant under an arch of colour',
  },
  {
    sku: 'tent-01',
    title: 'Two-person tent',
    category: 'outdoor',
    price: '229.00',
    weightGrams: 2300,
    size: [50, 18, 18],
    stock: [15, 10],
    description:
      'Two people, two doors, three seasons. Stands in four minutes, in the dark too, and weighs 2.3 kg with all its pegs.',
    picture: 'tent.svg',
    altText: 'A lit tent under the stars beside a lake, with mountains and pines behind it',
  },
  {
    sku: 'bottle-01',
    title: 'Steel bottle',
    category: 'outdoor',
    price: '27.00',
    weightGrams: 350,
    size: [8, 8, 27],
    stock: [200, 250],
    description:
      'Keeps water cold for a day and tea hot for half of one. No liner, no paint inside, nothing to taste but what you filled in.\n\nHolds 750 ml.',
    picture: 'bottle-steel.svg',
    altText: 'A brushed steel bottle stands on a rock above a valley at sunrise',
    family: 'bottle',
    options: [{ name: 'colour', value: 'steel' }],
  },
  {
    sku: 'bottle-02',
    title: 'Steel bottle, coral',
    category: 'outdoor',
    price: '29.00',
    weightGrams: 350,
    size: [8, 8, 27],
    stock: [90, 60],
    description:
      'Keeps water cold for a day and tea hot for half of one. No liner, no paint inside, nothing to taste but what you filled in.\n\nHolds 750 ml.',
    picture: 'bottle-coral.svg',
    altText: 'A coral bottle stands on a rock above a valley at noon',
    family: 'bottle',
    options: [{ name: 'colour', value: 'coral' }],
  },
  {
    sku: 'bottle-03',
    title: 'Steel bottle, pine',
    category: 'outdoor',
    price: '29.00',
    weightGrams: 350,
    size: [8, 8, 27],
    stock: [0, 40],
    description:
      'Keeps water cold for a day and tea hot for half of one. No liner, no paint inside, nothing to taste but what you filled in.\n\nHolds 750 ml.',
    picture: 'bottle-pine.svg',
    altText: 'A pine-green bottle stands on a rock above a valley in the evening',
    family: 'bottle',
    options: [{ name: 'colour', value: 'pine' }],
  },
  {
    sku: 'rope-01',
    title: 'Climbing rope, the last two',
    category: 'outdoor',
    price: '149.00',
    weightGrams: 3900,
    size: [35, 35, 15],
    stock: [2, 0],
    description: 'Sixty metres, 9.5 mm, dry treated. We make no more of them in this colour.',
    picture: 'rope.svg',
    altText: 'A coiled climbing rope hangs from a carabiner on a cliff at sunset',
  },
  {
    sku: 'shirt-white-m',
    title: 'Linen shirt, white, M',
    category: 'clothing',
    price: '79.00',
    weightGrams: 260,
    size: [32, 24, 4],
    stock: [40, 25],
    description:
      'Washed linen, cut straight, with buttons of horn. It creases, and it is meant to.\n\nWash at 40 degrees, hang it wet, wear it.',
    picture: 'shirt-white.svg',
    altText: 'A white linen shirt on a wooden hanger, with shadows of leaves on the wall',
    family: 'linen-shirt',
    options: [
      { name: 'colour', value: 'white' },
      { name: 'size', value: 'M' },
    ],
  },
  {
    sku: 'shirt-white-l',
    title: 'Linen shirt, white, L',
    category: 'clothing',
    price: '79.00',
    weightGrams: 260,
    size: [32, 24, 4],
    stock: [30, 5],
    description:
      'Washed linen, cut straight, with buttons of horn. It creases, and it is meant to.\n\nWash at 40 degrees, hang it wet, wear it.',
    picture: 'shirt-white.svg',
    altText: 'A white linen shirt on a wooden hanger, with shadows of leaves on the wall',
    family: 'linen-shirt',
    options: [
      { name: 'colour', value: 'white' },
      { name: 'size', value: 'L' },
    ],
  },
  {
    sku: 'shirt-indigo-m',
    title: 'Linen shirt, indigo, M',
    category: 'clothing',
    price: '85.00',
    weightGrams: 260,
    size: [32, 24, 4],
    stock: [0, 0],
    description:
      'Washed linen, cut straight, with buttons of horn. It creases, and it is meant to.\n\nWash at 40 degrees, hang it wet, wear it.',
    picture: 'shirt-indigo.svg',
    altText: 'An indigo linen shirt on a wooden hanger, with shadows of leaves on the wall',
    family: 'linen-shirt',
    options: [
      { name: 'colour', value: 'indigo' },
      { name: 'size', value: 'M' },
    ],
  },
  {
    sku: 'shirt-indigo-l',
    title: 'Linen shirt, indigo, L',
    category: 'clothing',
    price: '85.00',
    weightGrams: 260,
    size: [32, 24, 4],
    stock: [18, 20],
    description:
      'Washed linen, cut straight, with buttons of horn. It creases, and it is meant to.\n\nWash at 40 degrees, hang it wet, wear it.',
    picture: 'shirt-indigo.svg',
    altText: 'An indigo linen shirt on a wooden hanger, with shadows of leaves on the wall',
    family: 'linen-shirt',
    options: [
      { name: 'colour', value: 'indigo' },
      { name: 'size', value: 'L' },
    ],
  },
]
