/* SPDX-License-Identifier: MIT */
/*
 * TLS on a socket, by OpenSSL: the server's certificate is looked at, by whom it was signed and for which host it is, unless the
 * URL says otherwise.  TLS 1.2 or later.
 *
 * TL1  nothing is sent before the server's certificate was found good, so nobody else ever reads a password.
 * TL2  OpenSSL does not touch the socket: no signal when the other end is gone, and no waiting.
 * TL3  each wire begins with what the files of the URL have at that time.  What cannot be used, or changes while it is read,
 *      changes nothing: what was used last stays in use, and the files are read again for the next wire.  So whoever
 *      replaces a certificate and its key one after the other is never met halfway.
 * TL4  a wire that is open keeps what it began with.
 */
#ifndef LK_ADAPTERS_REDIS_TLS_H
#define LK_ADAPTERS_REDIS_TLS_H

#include "common/words.h"
#include "redis/wire.h"

enum { TLS_WHY = 160 };

enum tls_verify {
	TLS_VERIFY_FULL, /* the certificate is of one that is trusted, and for that host */
	TLS_VERIFY_CA,   /* … for any host */
	TLS_VERIFY_NONE
};

/* What a URL says.  NULL: nothing. */
struct tls_wishes {
	const char *cacert; /* a file, or a folder as openssl-rehash makes it; else the system's */
	const char *cert;   /* ours, for a server that asks */
	const char *key;    /* … its key, if that is in another file */
	const char *servername; /* for which the certificate is, if not for the host */
	enum tls_verify verify;
};

/*
 * 0 or a code; `why`, without a secret.  What is in `wishes` is not used any more.  `words`, which stay as long as the transport,
 * are told of files that cannot be used any more.
 */
int tls_make(struct transport *out, const struct place *place, const struct tls_wishes *wishes,
	     struct words *words, char why[TLS_WHY]);

/* How often the files were taken anew, and how often they could not be used.  False: it is not TLS. */
bool tls_counts(const struct transport *t, uint64_t *n_reloads, uint64_t *n_refused);

/* Why the files as they are cannot be used; "": they are in use. */
void tls_trouble(const struct transport *t, char why[TLS_WHY]);

/* Nothing, of one that is not TLS. */
void tls_free(struct transport *t, const struct place *place);

/* Does it need a host to look for in the certificate that it does not know by itself? */
bool tls_needs_host(const struct transport *t);

#endif /* LK_ADAPTERS_REDIS_TLS_H */
