/** Access tokens as the documentation of each provider shows them, and the options of the README that accept them. */
import type { ValidatorOptions } from 'oauth-resource-server'
import { seconds } from './fixture.ts'

export const audience = 'https://api.example.com'
const client = '6e74172b-be56-4843-9ff4-e66a39bb12e3'

export interface ProviderToken {
  readonly title: string
  /** The row of the README. */
  readonly provider: string
  readonly jwksUri: string
  readonly options: Partial<ValidatorOptions>
  /** What the row says about the options. */
  readonly documented: readonly string[]
  /** Besides `alg` and `kid`. */
  readonly header: object
  /** Besides `iss`, `iat` and `exp`. */
  readonly claims: object
  readonly accepted: object
  readonly refused: readonly Refused[]
}

interface Refused {
  readonly because: string
  readonly claims: object
  readonly error: object
}

const auth0 = {
  provider: 'Auth0',
  jwksUri: 'https://example.auth0.com/.well-known/jwks.json',
  refused: [
    {
      because: 'its only audience is /userinfo',
      claims: { aud: ['https://example.auth0.com/userinfo'] },
      error: { reason: 'wrong_audience' },
    },
  ],
}
const auth0Claims = {
  sub: 'auth0|123456',
  aud: [audience, 'https://example.auth0.com/userinfo'],
  scope: 'openid profile read:reports',
}

const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47'
const entra = {
  provider: 'Entra ID',
  jwksUri: `https://login.microsoftonline.com/${tenant}/discovery/v2.0/keys`,
  header: { typ: 'JWT' },
  refused: [
    {
      because: 'it is of version 1.0',
      claims: { iss: `https://sts.windows.net/${tenant}/`, ver: '1.0' },
      error: { reason: 'wrong_issuer' },
    },
  ],
}
const entraClaims = {
  aud: client,
  nbf: seconds(),
  azp: 'a-client',
  azpacr: '1',
  oid: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
  sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
  tid: tenant,
  uti: 'fqiBqXLPj0eQa82S-IYFAA',
  ver: '2.0',
}

const cognito = {
  provider: 'Cognito',
  jwksUri: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE/.well-known/jwks.json',
  header: {},
}
const cognitoClaims = {
  sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  'cognito:groups': ['testgroup'],
  version: 2,
  client_id: 'CLIENT_ID',
  token_use: 'access',
  scope: 'openid read:reports',
  auth_time: seconds(),
  jti: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  username: 'my-test-user',
}

export const providerTokens: readonly ProviderToken[] = [
  {
    ...auth0,
    title: 'A0-prof-a A0-iss A0-val-2 Auth0',
    options: { audience },
    documented: ["`'jwt'`"],
    header: { typ: 'JWT' },
    claims: { ...auth0Claims, azp: client },
    accepted: { clientId: client, subject: 'auth0|123456' },
  },
  {
    ...auth0,
    title: 'A0-prof-b Auth0 with the RFC 9068 profile',
    options: { audience, profile: 'rfc9068' },
    documented: ["`'rfc9068'`"],
    header: { typ: 'at+jwt' },
    claims: { ...auth0Claims, client_id: client, jti: '73WakrfVbNJBaAmhQtEeDv' },
    accepted: { clientId: client },
  },
  {
    ...auth0,
    title: 'A0-perm Auth0 with permissions',
    options: { audience, scopeClaim: 'permissions' },
    documented: ["`'permissions'`"],
    header: { typ: 'JWT' },
    claims: { ...auth0Claims, azp: client, scope: 'openid', permissions: ['read:reports'] },
    accepted: { scopes: ['read:reports'] },
  },
  {
    title: 'ISS-okta Okta',
    provider: 'Okta',
    jwksUri: 'https://example.okta.com/oauth2/default/v1/keys',
    options: { audience: 'api://default', scopeClaim: 'scp' },
    documented: ['`api://default`', "`'jwt'`", "`'scp'`"],
    header: {},
    claims: {
      ver: 1,
      jti: 'AT.bcNo4WsBA8QS81SOrrTxWbqMsO50lrFxlYK88DlAPiM',
      aud: 'api://default',
      cid: '0oaoesxtxmPf08QHk0h7',
      uid: '00uixa271s6x7qt8I0h7',
      scp: ['openid', 'read:reports'],
      sub: 'joe.user@example.com',
    },
    accepted: { clientId: '0oaoesxtxmPf08QHk0h7' },
    refused: [
      {
        because: 'it is of the org authorization server',
        claims: { iss: 'https://example.okta.com', aud: 'https://example.okta.com' },
        error: { reason: 'wrong_issuer' },
      },
    ],
  },
  {
    ...entra,
    title: 'ISS-entra Entra ID for a user',
    options: { audience: client, scopeClaim: 'scp' },
    documented: ['`requestedAccessTokenVersion: 2`', "`'jwt'`", "`'scp'`"],
    claims: { ...entraClaims, scp: 'access_as_user read:reports' },
    accepted: { clientId: 'a-client' },
  },
  {
    ...entra,
    title: 'ISS-entra Entra ID for an application',
    options: { audience: client, scopeClaim: 'roles' },
    documented: ["`'roles'`"],
    claims: { ...entraClaims, roles: ['read:reports'] },
    accepted: { clientId: 'a-client' },
    refused: [
      {
        because: 'it is for another API',
        claims: { aud: '00000003-0000-0000-c000-000000000000' },
        error: { reason: 'wrong_audience' },
      },
    ],
  },
  {
    title: 'ISS-keycloak Keycloak with an audience mapper',
    provider: 'Keycloak',
    jwksUri: 'https://sso.example.com/realms/example/protocol/openid-connect/certs',
    options: { audience },
    documented: ["`'jwt'`"],
    header: { typ: 'JWT' },
    claims: {
      jti: 'af482a33-64e1-475c-8b98-a3b30469c1b6',
      aud: [audience, 'account'],
      sub: 'ab4d6c45-c341-43f6-9799-7fccda862ee5',
      typ: 'Bearer',
      azp: 'an-application',
      sid: 'b38028f7-73e1-431d-bee4-85c35444d1af',
      acr: '1',
      realm_access: { roles: ['default-roles-example'] },
      scope: 'email profile read:reports',
    },
    accepted: { clientId: 'an-application' },
    refused: [
      {
        because: 'it is an ID token',
        claims: { typ: 'ID' },
        error: { status: 401, reason: 'wrong_type' },
      },
      {
        because: 'it is a refresh token',
        claims: { typ: 'Refresh' },
        error: { status: 401, reason: 'wrong_type' },
      },
      {
        because: 'the client has no audience mapper',
        claims: { aud: 'account' },
        error: { reason: 'wrong_audience' },
      },
    ],
  },
  {
    ...cognito,
    title: 'ISS-cognito Cognito with a resource',
    options: { audience },
    documented: ['`resource`', "`'jwt'`"],
    claims: { ...cognitoClaims, aud: audience },
    accepted: { clientId: 'CLIENT_ID' },
    refused: [
      {
        because: 'it is an ID token',
        claims: { aud: 'CLIENT_ID', token_use: 'id' },
        error: { reason: 'wrong_audience' },
      },
    ],
  },
  {
    ...cognito,
    title: 'ISS-cognito Cognito without a resource',
    options: {
      audience: false,
      requirement: {
        check: ({ claims }) => claims.client_id === 'CLIENT_ID' && claims.token_use === 'access',
      },
    },
    documented: [
      '`false`',
      "`requirement: { check: ({ claims }) => claims.client_id === 'CLIENT_ID' && claims.token_use === 'access' }`",
    ],
    claims: cognitoClaims,
    accepted: { clientId: 'CLIENT_ID', audience: [] },
    refused: [
      {
        because: 'it is an ID token',
        claims: { client_id: undefined, aud: 'CLIENT_ID', token_use: 'id' },
        error: { status: 401, reason: 'wrong_type' },
      },
      {
        because: 'it is of another client',
        claims: { client_id: 'another' },
        error: { status: 403 },
      },
    ],
  },
]
