// An OpenID provider for tests: node provider.mjs PORT KEYS SECONDS, where KEYS is a file with
// a JWKS of private keys, and ID tokens last for so many seconds.
// Anybody logs in by a name alone; groups are after a plus sign: anna+ops+dev.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, keys, seconds] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: ['herdbook', 'other'].map((id) => ({
    client_id: id,
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    response_types: [],
    redirect_uris: [],
  })),
  jwks: JSON.parse(readFileSync(keys, 'utf8')),
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  cookies: { keys: ['of tests alone'] },
  ttl: { IdToken: Number(seconds), DeviceCode: 600, RefreshToken: 86400, Grant: 86400, Session: 3600, Interaction: 600, AccessToken: 600 },
  findAccount: (_, id) => {
    const [name, ...groups] = id.split('+');
    return {
      accountId: id,
      claims: () => ({
        sub: id, preferred_username: name, groups, email: `${name}@example.org`, email_verified: true,
      }),
    };
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
