/** Certificates for the ingress suites only (self-signed, P-256, valid to the year 2120): no secret, and no tool needed. */
import type { Certificate } from '../../proxy-config/route.js';

export const shopCertificate: Certificate = {
  names: ['shop.test', 'www.shop.test', 'other.test'],
  certPem: `-----BEGIN CERTIFICATE-----
MIIBsjCCAVigAwIBAgIUcjRl1wuK6iOP8wYvFOALtytn6u0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2hvcC50ZXN0MCAXDTI2MTEyNDAzNTEwMFoYDzIxMjEwNTEw
MDM1MTAwWjAUMRIwEAYDVQQDDAlzaG9wLnRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATMlynh/bu0v8Oisj31HlmUb64i7jZ1wu/JP7shsJjT+LL/bdPjUMH6
z83/UjrE57uOE7Wotq93Wg/r5Sn2Ts0Ro4GFMIGCMB0GA1UdDgQWBBTyeC2cA8v4
Etj+I3hL2gj0pVyLATAfBgNVHSMEGDAWgBTyeC2cA8v4Etj+I3hL2gj0pVyLATAP
BgNVHRMBAf8EBTADAQH/MC8GA1UdEQQoMCaCCXNob3AudGVzdIINd3d3LnNob3Au
dGVzdIIKb3RoZXIudGVzdDAKBggqhkjOPQQDAgNIADBFAiEAmFj5EXwsFfU7915k
66p/bmJW4yqv1yqTELrtqJD62/MCIEKKx4qDALN8Yy7fZA1LKtIh9WP3vtwsZInD
w7J5pdIW
-----END CERTIFICATE-----
`,
  keyPem: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUckCjk7eEGGX7aXM
pTqhxU6G4XFTXCfEIRdykLEEulChRANCAATMlynh/bu0v8Oisj31HlmUb64i7jZ1
wu/JP7shsJjT+LL/bdPjUMH6z83/UjrE57uOE7Wotq93Wg/r5Sn2Ts0R
-----END PRIVATE KEY-----
`,
};

export const fallbackCertificate: Certificate = {
  names: ['orca.invalid'],
  certPem: `-----BEGIN CERTIFICATE-----
MIIBnjCCAUSgAwIBAgIUO4uqHpqDrBvH58WZEtUsDU5qwR0wCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMb3JjYS5pbnZhbGlkMCAXDTI2MTEyNDAzNTEwMFoYDzIxMjEw
NTEwMDM1MTAwWjAXMRUwEwYDVQQDDAxvcmNhLmludmFsaWQwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASaid1Aqc2/eKaILIk8mcL0+3w+Xus2rVT5CEzWKcAcaJKK
NNDWQKa7pmhAjELQFUwyhLCdLWEOG/blkC/3JWEao2wwajAdBgNVHQ4EFgQUt5qm
k5W4/gK6TSNk+5Af9eny9lQwHwYDVR0jBBgwFoAUt5qmk5W4/gK6TSNk+5Af9eny
9lQwDwYDVR0TAQH/BAUwAwEB/zAXBgNVHREEEDAOggxvcmNhLmludmFsaWQwCgYI
KoZIzj0EAwIDSAAwRQIgZaIxVrc7JmpUgzyjggwMyHCVyn/+4T8MTwWik/s/LroC
IQC1W7pHwHI0TgJ5I3zAhQ0VzFgKxdXmHqpHpr6IAN2auQ==
-----END CERTIFICATE-----
`,
  keyPem: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgavtGFfYggWbCMQOf
IX/pzx5KMmrMzwTlyejB76gFWeKhRANCAASaid1Aqc2/eKaILIk8mcL0+3w+Xus2
rVT5CEzWKcAcaJKKNNDWQKa7pmhAjELQFUwyhLCdLWEOG/blkC/3JWEa
-----END PRIVATE KEY-----
`,
};
