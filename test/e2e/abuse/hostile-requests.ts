// Builds requests that block a process, inflate its responses or multiply errors, for any graph with a list and a mutation.

/** The names in a graph with which hostile documents are written. */
export type HostileTarget = {
  /** A root field that returns a list, such as `products`. */
  readonly root: string
  readonly rootType: string
  /** The most items that a page of the list may have. */
  readonly most: number
  readonly list: string
  readonly itemType: string
  readonly leaf: string
  /** The selections on an item that need no arguments. */
  readonly leaves: string
  /** Writes the root field's text argument. */
  readonly text: (value: string) => string
  readonly mutation: string
  readonly input: string
}

type HostileRequest = {
  readonly name: string
  /** Returns a POST body of at most 256 KB, the servers' limit. `salt` makes its documents new to the process. */
  readonly body: (salt: number) => string
  readonly method?: 'GET'
}

const times = (count: number, make: (index: number) => string, joint = ' ') =>
  Array.from({ length: count }, (_, index) => make(index)).join(joint)

/** Returns at least 40 requests, each within the servers' limit of bytes. */
export function hostileRequests(target: HostileTarget): HostileRequest[] {
  const { root, rootType, list, itemType, leaf, text, mutation, input } = target
  const inside = (selections: string, fragments = '') => `{${root}{${selections}}} ${fragments}`
  const onItems = (selections: string, fragments = '') => inside(`${list}{${selections}}`, fragments)
  const withInput = `mutation($i:${input}!){${mutation}(input:$i){__typename}}`

  const documents: Record<string, string> = {
    'one field, as often as tokens allow': onItems(times(3900, () => leaf)),
    'one field in a fragment that is spread twice': inside(
      '...F ...F',
      `fragment F on ${rootType}{${list}{${times(890, () => leaf)}}}`,
    ),
    'one field with selections, as often as tokens allow': inside(times(900, () => `${list}{${leaf}}`)),
    'one field with selections, just within the pairs': inside(times(190, () => `${list}{${leaf}}`)),
    'one field with an argument, many times': `{${times(300, () => `${root}(first:1){__typename}`)}}`,
    'one field with other arguments each time': `{${times(300, n => `${root}(first:${n}){__typename}`)}}`,
    'one field with long arguments': `{${times(200, () => `${root}(${text('y'.repeat(1000))}){__typename}`)}}`,
    'aliases of a list': `{${times(400, n => `a${n}:${root}(first:${target.most}){${list}{${leaf}}}`)}}`,
    'aliases of a list, just within the limit': `{${times(50, n => `a${n}:${root}(first:${target.most}){${list}{${leaf}}}`)}}`,
    'aliases of a list with all its leaves': `{${times(90, n => `a${n}:${root}(first:${target.most}){${list}{${target.leaves}}}`)}}`,
    'aliases of a list with all its leaves, just within the cost': `{${times(20, n => `a${n}:${root}(first:${target.most}){${list}{${target.leaves}}}`)}}`,
    'aliases of a leaf': onItems(times(1900, n => `a${n}:${leaf}`)),
    'nested inline fragments': onItems(`${times(900, () => `...on ${itemType}{`)}${leaf}${'}'.repeat(900)}`),
    'nested inline fragments without a type': onItems(`${'...{'.repeat(1500)}${leaf}${'}'.repeat(1500)}`),
    'inline fragments side by side': onItems(times(700, () => `...on ${itemType}{${leaf}}`)),
    'a chain of fragments': onItems(
      '...F0',
      `${times(350, n => `fragment F${n} on ${itemType}{...F${n + 1} ${leaf}}`)} fragment F350 on ${itemType}{${leaf}}`,
    ),
    'fragments that double': onItems(
      '...F0',
      `${times(60, n => `fragment F${n} on ${itemType}{...F${n + 1} ...F${n + 1}}`)} fragment F60 on ${itemType}{${leaf}}`,
    ),
    'diamonds of fragments, just within the selections': onItems(
      '...F0',
      `${times(11, n => `fragment F${n} on ${itemType}{...F${n + 1} ${leaf} ...F${n + 1}}`)} fragment F11 on ${itemType}{${leaf}}`,
    ),
    'a ring of fragments': onItems(
      '...F0',
      times(400, n => `fragment F${n} on ${itemType}{...F${(n + 1) % 400} ${leaf}}`),
    ),
    'fragments that all contain each other': onItems(
      '...F0',
      times(60, n => `fragment F${n} on ${itemType}{${times(30, m => `...F${(n + m + 1) % 60}`)}}`),
    ),
    'a few fragments that all contain each other': onItems(
      '...F0',
      times(9, n => `fragment F${n} on ${itemType}{${times(9, m => `...F${(n + m) % 9}`)}}`),
    ),
    'fragments that nothing uses': `${inside('__typename')} ${times(450, n => `fragment F${n} on ${itemType}{${leaf}}`)}`,
    'one field in a fragment that nothing uses': `${inside('__typename')} fragment F on ${rootType}{${times(900, () => `${list}{${leaf}}`)}}`,
    'one field in a fragment whose name another has': `${onItems('...F')} fragment F on ${rootType}{${times(900, () => `${list}{${leaf}}`)}} fragment F on ${itemType}{${leaf}}`,
    'one field behind fragments that contain each other': `{a:${root}{...F} b:${root}{${times(700, () => `${list}{${leaf}}`)}}} fragment F on ${rootType}{${times(390, n => `${leaf}${n}`)} ${root}{...F}}`,
    'one fragment spread many times': onItems(
      times(1900, () => '...F'),
      `fragment F on ${itemType}{${leaf}}`,
    ),
    'fragments of one name': `${onItems('...F')} ${times(500, () => `fragment F on ${itemType}{${leaf}}`)}`,
    'operations side by side': times(480, n => `query A${n}{${root}{__typename}}`),
    'operations over a chain of fragments': `${times(180, n => `query A${n}($t:String){${root}(${text('$t')}){${list}{...F0}}}`).slice(0, 0)}${times(
      150,
      n => `query A${n}{${root}{${list}{...F0}}}`,
    )} ${times(150, n => `fragment F${n} on ${itemType}{...F${n + 1} ${leaf}}`)} fragment F150 on ${itemType}{${leaf}}`,
    'operations without a name': times(900, () => `{__typename}`),
    'directives on one field': inside(`__typename ${times(700, () => '@skip(if:false)')}`),
    'directives that there are not': inside(`__typename ${times(1900, n => `@d${n}`)}`),
    'directives, just within the limit': onItems(times(200, () => `${leaf} @include(if:true)`)),
    'variables that are not used': `query(${times(950, n => `$v${n}:Int`)}){__typename}`,
    'variables of one name': `query(${times(950, () => '$v:Int')}){__typename}`,
    'variables that are not defined': `{${times(350, n => `a:${root}(first:$v${n}){__typename}`)}}`,
    'arguments of one name': `{${root}(${times(1300, () => 'first:1')}){__typename}}`,
    'a list literal as long as tokens allow': `{${root}(first:[${times(3900, n => String(n), ',')}]){__typename}}`,
    'a list literal as deep as tokens allow': `{${root}(first:${'['.repeat(1900)}${']'.repeat(1900)}){__typename}}`,
    'an object literal as deep as tokens allow': `{${root}(first:${'{a:'.repeat(900)}1${'}'.repeat(900)}){__typename}}`,
    'fields that there are not': inside(times(3900, n => `f${n}`)),
    'long fields that there are not': inside(times(80, n => `${leaf}${'x'.repeat(2900)}${n}`)),
    'a whole number of 200,000 digits': `{${root}(first:${'9'.repeat(200_000)}){__typename}}`,
    'a fraction of 200,000 digits': `{${root}(first:0.${'9'.repeat(200_000)}){__typename}}`,
    'a text of 200,000 characters': `{${root}(${text('z'.repeat(200_000))}){__typename}}`,
    'a text of escapes': `{${root}(${text('\\u{1F600}'.repeat(22_000))}){__typename}}`,
    'a block string of many lines': `{${root}(first:"""${'\n '.repeat(60_000)}"""){__typename}}`,
    'comments without end': `${'#\n'.repeat(80_000)}{__typename}`,
    'commas without end': `${','.repeat(200_000)}{__typename}`,
    'line breaks, then errors': `${'\n'.repeat(90_000)}{${times(300, n => `f${n}`)}}`,
    'line breaks, then an error of many places': `${'\n'.repeat(90_000)}{${root}(${times(1200, () => 'first:1')}){__typename}}`,
    'line breaks, then a ring of fragments': `${'\n'.repeat(90_000)}${onItems(
      '...F0',
      times(300, n => `fragment F${n} on ${itemType}{...F${(n + 1) % 300}}`),
    )}`,
    'nesting without end': `${'{a'.repeat(1900)}${'}'.repeat(1900)}`,
    'brackets without an end': '{'.repeat(3900),
    'full introspection, many times': `{${times(60, n => `a${n}:__schema{types{fields{args{type{name}} type{name}}}}`)}}`,
    'introspection of types of types':
      '{__schema{types{fields{type{fields{type{name kind ofType{name kind}}}}}}}}',
    'introspection of one type, many times': `{${times(90, n => `a${n}:__type(name:"Query"){fields{args{type{name}}}}`)}}`,
    'one field of introspection, many times': `{__schema{types{${times(3900, () => 'name')}}}}`,
    'types within types, as deep as tokens allow': `{__schema{types{${'ofType{'.repeat(1300)}name${'}'.repeat(1300)}}}}`,
    'a schema in place of an operation': times(900, n => `type T${n}{a:Int}`),
  }

  const bodies: Record<string, unknown> = {
    'an input of 18,000 keys that there are not': {
      query: withInput,
      variables: { i: Object.fromEntries(Array.from({ length: 18_000 }, (_, key) => [`k${key}`, 1])) },
    },
    'an input of 2,000 keys that there are not': {
      query: withInput,
      variables: {
        i: Object.fromEntries(Array.from({ length: 2000 }, (_, key) => [`k${key}`, 'v'.repeat(90)])),
      },
    },
    'an input whose key is 200,000 characters long': {
      query: withInput,
      variables: { i: { ['k'.repeat(200_000)]: 1 } },
    },
    'an input that is a list of 19,000 numbers': {
      query: withInput,
      variables: { i: Array.from({ length: 19_000 }, (_, index) => index) },
    },
    'an input that is a list of objects': {
      query: withInput,
      variables: { i: Array.from({ length: 6000 }, () => ({ a: 1 })) },
    },
    'a variable that is 100,000 lists within each other': `{"query":${JSON.stringify(withInput)},"variables":{"i":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`,
    'a variable that is 100,000 objects within each other': `{"query":${JSON.stringify(withInput)},"variables":{"i":${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}}}`,
    'variables that nothing defines': {
      query: '{__typename}',
      variables: Object.fromEntries(Array.from({ length: 15_000 }, (_, key) => [`v${key}`, key])),
    },
    'the hash of nothing': {
      extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(200_000) } },
    },
    'a name of 200,000 characters': { query: 'query A{__typename}', operationName: 'B'.repeat(200_000) },
    'text that is nearly JSON': `{"query":"${'\\u0041'.repeat(30_000)}`,
    'a number of 200,000 digits': `{"query":"{__typename}","variables":{"a":${'9'.repeat(200_000)}}}`,
  }

  const flood = {
    query: inside('...F ...F', `fragment F on ${rootType}{${list}{${times(890, () => leaf)}}}`),
  }
  const batches: Record<string, (salt: number) => unknown> = {
    'a batch of 27 documents': salt =>
      Array.from({ length: 27 }, (_, n) => ({ query: `${flood.query}#${salt}.${n}` })),
    'a batch of 40,000 nothings': () => Array.from({ length: 40_000 }, () => ({})),
  }
  return [
    ...Object.entries(documents).map(([name, query]) => ({
      name,
      body: (salt: number) => JSON.stringify({ query: `${query}#${salt}` }),
    })),
    ...Object.entries(bodies).map(([name, body]) => ({
      name,
      body: (salt: number) => salted(typeof body === 'string' ? body : JSON.stringify(body), salt),
    })),
    ...Object.entries(batches).map(([name, make]) => ({
      name,
      body: (salt: number) => JSON.stringify(make(salt)),
    })),
    {
      name: 'a long document in the address',
      method: 'GET' as const,
      body: (salt: number) => `${onItems(times(1800, () => leaf))}#${salt}`,
    },
  ]
}

/** JSON allows trailing white space. */
function salted(text: string, salt: number): string {
  return text + ' '.repeat(salt)
}
