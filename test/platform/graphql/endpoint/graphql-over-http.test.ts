import {
  numbersSchema,
  numbersSubgraph,
  serveNumbers,
  speaksGraphqlOverHttp,
} from './graphql-over-http.contract.ts'

speaksGraphqlOverHttp('the endpoint of a BFF', () => serveNumbers(numbersSchema()))
speaksGraphqlOverHttp('the endpoint of a subgraph', () => serveNumbers(numbersSubgraph()))
