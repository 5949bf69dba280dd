/* SPDX-License-Identifier: MIT */
/* By OpenSSL, as operators do. */
#define _GNU_SOURCE
#include "certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

enum { DAY_S = 86400 };

struct authority {
	EVP_PKEY *key;
	X509 *cert;
};

static X509 *
begin(EVP_PKEY *key, const char *name, long until_s)
{
	static _Atomic long number = 1;
	X509 *x = X509_new();

	cr_assert(x != NULL && X509_set_version(x, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), number++);
	X509_gmtime_adj(X509_getm_notBefore(x), -2L * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), until_s);
	cr_assert_eq(X509_set_pubkey(x, key), 1);
	cr_assert_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
						(const unsigned char *)name, -1, -1, 0),
		     1);
	return x;
}

static void
extend(X509 *x, const X509 *issuer, int what, const char *text)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, (X509 *)issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, what, text);
	cr_assert(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static void
write_file(const char *path, X509 *x, EVP_PKEY *key, const char *password)
{
	FILE *f = fopen(path, "w");
	const EVP_CIPHER *cipher = password != NULL ? EVP_aes_128_cbc() : NULL;

	cr_assert(f != NULL && PEM_write_X509(f, x) == 1);
	if (key != NULL)
		cr_assert_eq(PEM_write_PrivateKey(f, key, cipher, NULL, 0, NULL, (void *)password),
			     1);
	cr_assert_eq(fclose(f), 0);
}

static struct authority
make_authority(const char *path)
{
	struct authority a = { .key = EVP_EC_gen("P-256") };

	cr_assert_not_null(a.key);
	a.cert = begin(a.key, "an authority", 7L * DAY_S);
	X509_set_issuer_name(a.cert, X509_get_subject_name(a.cert));
	extend(a.cert, a.cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(a.cert, a.cert, NID_subject_key_identifier, "hash");
	cr_assert_gt(X509_sign(a.cert, a.key, EVP_sha256()), 0);
	write_file(path, a.cert, NULL, NULL);
	return a;
}

static void
issue(const struct authority *a, const char *path, const char *names, long until_s,
      const char *password)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x;

	cr_assert_not_null(key);
	x = begin(key, "somebody", until_s);
	X509_set_issuer_name(x, X509_get_subject_name(a->cert));
	extend(x, a->cert, NID_subject_alt_name, names);
	cr_assert_gt(X509_sign(x, a->key, EVP_sha256()), 0);
	write_file(path, x, key, password);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
end(struct authority *a)
{
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
}

static const char *
path_of(const struct certificates *c, char path[64], const char *name)
{
	snprintf(path, 64, "%s/%s.pem", c->top, name);
	return path;
}

void
certificates_make(struct certificates *c)
{
	const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	struct authority ca, other;

	snprintf(c->top, sizeof(c->top), "%s/latchkey-XXXXXX", place);
	cr_assert_not_null(mkdtemp(c->top));
	ca = make_authority(path_of(c, c->ca, "ca"));
	other = make_authority(path_of(c, c->other_ca, "other"));
	issue(&ca, path_of(c, c->server, "server"), "DNS:localhost,IP:127.0.0.1", 7L * DAY_S, NULL);
	issue(&ca, path_of(c, c->elsewhere, "elsewhere"), "DNS:elsewhere.test", 7L * DAY_S, NULL);
	issue(&ca, path_of(c, c->expired, "expired"), "DNS:localhost,IP:127.0.0.1", -1L * DAY_S,
	      NULL);
	issue(&ca, path_of(c, c->client, "client"), "DNS:client.test", 7L * DAY_S, NULL);
	issue(&other, path_of(c, c->other_client, "client2"), "DNS:client.test", 7L * DAY_S, NULL);
	issue(&ca, path_of(c, c->locked, "locked"), "DNS:client.test", 7L * DAY_S, "hunter2");
	end(&ca);
	end(&other);
}

void
certificates_remove(struct certificates *c)
{
	const char *const all[] = { c->ca,      c->other_ca, c->server,       c->elsewhere,
				    c->expired, c->client,   c->other_client, c->locked };

	for (size_t i = 0; i < countof(all); i++)
		(void)unlink(all[i]);
	(void)rmdir(c->top);
}
