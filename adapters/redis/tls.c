/* SPDX-License-Identifier: MIT */
/* OpenSSL between two functions of ours, which send and receive without waiting.  (TL1-TL4) */
#include "redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <latchkey.h>

enum { TLS_PATH = 256 };
enum tls_file { TLS_CACERT, TLS_CERT, TLS_KEY, TLS_FILES };

/* What a file was; all zeros: there is none. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written, changed;
};

struct tls {
	BIO_METHOD *socket;
	struct words *words;
	enum tls_verify verify;
	char servername[256];           /* "": the host */
	char path[TLS_FILES][TLS_PATH]; /* "": none */

	pthread_mutex_t lock; /* of what follows */
	SSL_CTX *ctx;         /* each wire has its own hold of it (TL4) */
	struct stamp stamp[TLS_FILES];
	uint64_t n_reloads, n_refused;
	char why[TLS_WHY]; /* "": the files are in use */
};

/* One wire. */
struct stream {
	SSL *ssl;
	int error;      /* of the socket, the latest */
	bool is_at_end; /* the other end has closed */
};

/* ------------------------------------------------------------------ below OpenSSL: (TL2) */

static int
finish(BIO *b, ssize_t n, int retry)
{
	const struct wire *w = BIO_get_data(b);
	struct stream *s = w->inside;

	BIO_clear_retry_flags(b);
	s->error = n < 0 ? errno : 0;
	if (n < 0 && (s->error == EAGAIN || s->error == EWOULDBLOCK || s->error == EINTR))
		BIO_set_flags(b, retry | BIO_FLAGS_SHOULD_RETRY);
	return (int)n;
}

static int
write_socket(BIO *b, const char *bytes, int n)
{
	const struct wire *w = BIO_get_data(b);

	return finish(b, send(w->fd, bytes, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT),
		      BIO_FLAGS_WRITE);
}

static int
read_socket(BIO *b, char *bytes, int n)
{
	const struct wire *w = BIO_get_data(b);
	struct stream *s = w->inside;
	const ssize_t got = recv(w->fd, bytes, (size_t)n, MSG_DONTWAIT);

	s->is_at_end |= got == 0;
	return finish(b, got, BIO_FLAGS_READ);
}

static long
control_socket(BIO *b, int what, long number, void *pointer)
{
	const struct wire *w = BIO_get_data(b);
	const struct stream *s = w != NULL ? w->inside : NULL;

	(void)number;
	(void)pointer;
	if (what == BIO_CTRL_EOF)
		return s != NULL && s->is_at_end;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
make_socket(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "latchkey");

	if (m == NULL)
		return NULL;
	if (BIO_meth_set_write(m, write_socket) == 1 && BIO_meth_set_read(m, read_socket) == 1 &&
	    BIO_meth_set_ctrl(m, control_socket) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ------------------------------------------------------------------------ in words */

/* Why OpenSSL refused: the certificate, or else its own words, of which none cites what it was given. */
static void
explain(struct wire *w, const struct stream *s)
{
	const long verdict = SSL_get_verify_result(s->ssl);
	const unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (verdict != X509_V_OK && !SSL_is_init_finished(s->ssl))
		(void)snprintf(w->why, sizeof(w->why), "the server's certificate: %s",
			       X509_verify_cert_error_string(verdict));
	else
		(void)snprintf(w->why, sizeof(w->why), "TLS: %s%s",
			       reason != NULL ? reason : "a failure",
			       ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER
				       ? " (does it speak TLS there?)"
				       : "");
}

/* What a function of OpenSSL returned, as a wire says it. */
static ssize_t
result(struct wire *w, int rc)
{
	const struct stream *s = w->inside;

	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_NONE:
		return rc;
	case SSL_ERROR_WANT_READ:
		w->wants = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		w->wants = POLLOUT;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return -s->error;
	default:
		explain(w, s);
		return -EPROTO;
	}
}

/* ---------------------------------------------------------------- what they all share */

static int
refuse(char why[TLS_WHY], const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	(void)snprintf(why, TLS_WHY, "%s: %s", what, reason != NULL ? reason : "it cannot be used");
	ERR_clear_error();
	return LK_E_INVAL;
}

static int
trust(SSL_CTX *ctx, const char *place, char why[TLS_WHY])
{
	struct stat is;

	if (place[0] == '\0')
		return SSL_CTX_set_default_verify_paths(ctx) == 1
			       ? 0
			       : refuse(why, "the system's certificates");
	if (stat(place, &is) == 0 && S_ISDIR(is.st_mode))
		return SSL_CTX_load_verify_dir(ctx, place) == 1 ? 0 : refuse(why, "cacert");
	return SSL_CTX_load_verify_file(ctx, place) == 1 ? 0 : refuse(why, "cacert");
}

/* A library asks nobody for a password. */
static int
no_password(char *buf, int size, int is_writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

static int
identify(SSL_CTX *ctx, const char *cert, const char *key, char why[TLS_WHY])
{
	if (cert[0] == '\0')
		return 0;
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return refuse(why, "cert");
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return refuse(why, "key");
	return SSL_CTX_check_private_key(ctx) == 1 ? 0 : refuse(why, "key");
}

static int
make_context(const struct tls *t, SSL_CTX **out, char why[TLS_WHY])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int rc = 0;

	*out = ctx;
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
		return LK_E_NOMEM;
	(void)SSL_CTX_set_mode(ctx,
			       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	if (t->verify != TLS_VERIFY_NONE) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		rc = trust(ctx, t->path[TLS_CACERT], why);
	}
	return rc == 0 ? identify(ctx, t->path[TLS_CERT], t->path[TLS_KEY], why) : rc;
}

/* ------------------------------------------------------------------- files that change */

static void
look_at_files(const struct tls *t, struct stamp out[TLS_FILES])
{
	memset(out, 0, TLS_FILES * sizeof(*out)); /* holes too: they are compared as bytes */
	for (int i = 0; i < TLS_FILES; i++) {
		struct stat is;

		if (t->path[i][0] == '\0' || stat(t->path[i], &is) != 0)
			continue;
		out[i].device = is.st_dev;
		out[i].inode = is.st_ino;
		out[i].size = is.st_size;
		out[i].written = is.st_mtim;
		out[i].changed = is.st_ctim;
	}
}

/*
 * Read the files, if they are not those that are in use.  With the latch.  One that is there for a moment half written is
 * refused, or another one by the second look.  (TL3)
 */
static int
take_files(struct tls *t, char why[TLS_WHY])
{
	struct stamp before[TLS_FILES], after[TLS_FILES];
	SSL_CTX *ctx;
	int rc;

	look_at_files(t, before);
	if (t->ctx != NULL && memcmp(before, t->stamp, sizeof(before)) == 0)
		return 0;
	ERR_clear_error();
	rc = make_context(t, &ctx, why);
	ERR_clear_error();
	look_at_files(t, after);
	if (rc == 0 && t->ctx != NULL && memcmp(before, after, sizeof(before)) != 0) {
		(void)snprintf(why, TLS_WHY, "they change while they are read");
		rc = LK_E_INVAL;
	}
	if (rc != 0) {
		SSL_CTX_free(ctx);
		return rc;
	}
	t->n_reloads += t->ctx != NULL;
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	memcpy(t->stamp, before, sizeof(before));
	return 0;
}

/* `why` "": they are in use again. */
static void
tell_of_files(const struct tls *t, const char *why)
{
	if (why[0] == '\0')
		words_tell(t->words, LK_LOG_INFO, "redis: the files for TLS can be used again");
	else
		words_tell(t->words, LK_LOG_WARN,
			   "redis: the files for TLS have changed, and cannot be used; the former "
			   "ones stay in use: %s",
			   why);
}

/* For one wire, by what the files are now.  (TL3, TL4) */
static SSL *
new_stream(struct tls *t)
{
	char why[TLS_WHY] = "";
	bool is_news;
	SSL *ssl;
	int rc;

	pthread_mutex_lock(&t->lock);
	rc = take_files(t, why);
	if (rc == LK_E_NOMEM)
		(void)snprintf(why, sizeof(why), "out of memory");
	t->n_refused += rc != 0;
	is_news = strcmp(t->why, why) != 0;
	memcpy(t->why, why, sizeof(t->why));
	ssl = SSL_new(t->ctx);
	pthread_mutex_unlock(&t->lock);
	if (rc != 0)
		(void)words_say(
			t->words, rc,
			"redis: the files for TLS have changed, and cannot be used; the former "
			"ones stay in use: %s",
			why);
	if (is_news)
		tell_of_files(t, why);
	return ssl;
}

/* ------------------------------------------------------------------- what a wire does */

/* Which host has to be in the certificate.  An address is one too, but is not told to the server.  (TL1) */
static bool
expect_host(const struct tls *t, SSL *ssl, const char *host)
{
	struct in6_addr any;
	const bool is_address =
		inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;

	if (host[0] == '\0')
		return t->verify != TLS_VERIFY_FULL;
	if (!is_address && SSL_set_tlsext_host_name(ssl, host) != 1)
		return false;
	if (t->verify != TLS_VERIFY_FULL)
		return true;
	return is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
			  : SSL_set1_host(ssl, host) == 1;
}

static int
start(struct wire *w, const struct where *to)
{
	struct tls *t = w->on->shared;
	struct stream *s = OPENSSL_zalloc(sizeof(*s));
	BIO *b;

	if (s == NULL)
		return ENOMEM;
	w->inside = s;
	s->ssl = new_stream(t);
	b = s->ssl != NULL ? BIO_new(t->socket) : NULL;
	if (b == NULL)
		return ENOMEM;
	BIO_set_data(b, w);
	BIO_set_init(b, 1);
	SSL_set_bio(s->ssl, b, b);
	return expect_host(t, s->ssl, t->servername[0] != '\0' ? t->servername : to->host) ? 0
											   : EINVAL;
}

/* What is said if it goes no further: also if it is only time that is over. */
static void
explain_begin(struct wire *w, ssize_t rc)
{
	if (rc > 0)
		w->why[0] = '\0';
	else if (rc == -EAGAIN)
		(void)snprintf(w->why, sizeof(w->why), "the TLS handshake is not answered in time");
	else if (rc != -EPROTO)
		(void)snprintf(w->why, sizeof(w->why),
			       "it ended the TLS handshake (does it speak TLS there?)");
}

static int
begin(struct wire *w, const struct where *to)
{
	struct stream *s;
	ssize_t rc;
	int error;

	ERR_clear_error();
	error = w->inside == NULL ? start(w, to) : 0;
	if (error != 0)
		return -error;
	s = w->inside;
	rc = result(w, SSL_connect(s->ssl));
	explain_begin(w, rc);
	return rc > 0 ? 0 : rc == 0 ? -ECONNRESET : (int)rc;
}

/* It may have said why before it closed: that a certificate of ours is missing, say. */
static void
hear_last_words(struct wire *w)
{
	const struct stream *s = w->inside;
	char byte;

	ERR_clear_error();
	if (SSL_get_error(s->ssl, SSL_peek(s->ssl, &byte, 1)) == SSL_ERROR_SSL)
		explain(w, s);
}

static int
least(size_t n)
{
	return n > 16384 ? 16384 : (int)n;
}

static ssize_t
send_tls(struct wire *w, const void *bytes, size_t n)
{
	const struct stream *s = w->inside;
	ssize_t rc;

	ERR_clear_error();
	rc = result(w, SSL_write(s->ssl, bytes, least(n)));
	if (rc == -EPIPE || rc == -ECONNRESET)
		hear_last_words(w);
	return rc;
}

static ssize_t
receive_tls(struct wire *w, void *bytes, size_t n)
{
	const struct stream *s = w->inside;

	ERR_clear_error();
	return result(w, SSL_read(s->ssl, bytes, least(n)));
}

/* What came may be for OpenSSL alone: tickets, new keys. */
static bool
has_news_tls(struct wire *w)
{
	const struct stream *s = w->inside;
	char byte;

	ERR_clear_error();
	return result(w, SSL_peek(s->ssl, &byte, 1)) != -EAGAIN;
}

/* Without a farewell, which could wait: every answer says by itself where it ends. */
static void
end(struct wire *w)
{
	struct stream *s = w->inside;

	if (s == NULL)
		return;
	SSL_free(s->ssl);
	OPENSSL_free(s);
	w->inside = NULL;
	ERR_clear_error();
}

static const struct wire_kind tls_kind = { begin, send_tls, receive_tls, has_news_tls, end };

/* -------------------------------------------------------------------- beginning and end */

static void
drop(struct tls *t, const struct place *place)
{
	SSL_CTX_free(t->ctx);
	BIO_meth_free(t->socket);
	pthread_mutex_destroy(&t->lock);
	place_free(place, t, sizeof(*t));
}

static bool
keep_path(char out[TLS_PATH], const char *path)
{
	return path == NULL || (size_t)snprintf(out, TLS_PATH, "%s", path) < TLS_PATH;
}

/* What is asked for goes together, and is short enough. */
static int
keep_wishes(struct tls *t, const struct tls_wishes *wishes, char why[TLS_WHY])
{
	if (wishes->cert == NULL && wishes->key != NULL) {
		(void)snprintf(why, TLS_WHY, "key: there is no cert");
		return LK_E_INVAL;
	}
	t->verify = wishes->verify;
	if (wishes->servername != NULL)
		(void)snprintf(t->servername, sizeof(t->servername), "%s", wishes->servername);
	if (keep_path(t->path[TLS_CACERT], wishes->cacert) &&
	    keep_path(t->path[TLS_CERT], wishes->cert) &&
	    keep_path(t->path[TLS_KEY], wishes->key != NULL ? wishes->key : wishes->cert))
		return 0;
	(void)snprintf(why, TLS_WHY, "too long a path");
	return LK_E_INVAL;
}

int
tls_make(struct transport *out, const struct place *place, const struct tls_wishes *wishes,
	 struct words *words, char why[TLS_WHY])
{
	struct tls *t = place_zalloc(place, sizeof(*t));
	int rc;

	if (t == NULL)
		return LK_E_NOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->words = words;
	t->socket = make_socket();
	rc = t->socket == NULL ? LK_E_NOMEM : keep_wishes(t, wishes, why);
	if (rc == 0)
		rc = take_files(t, why);
	if (rc != 0) {
		drop(t, place);
		return rc;
	}
	*out = (struct transport){ &tls_kind, t };
	return 0;
}

bool
tls_counts(const struct transport *t, uint64_t *n_reloads, uint64_t *n_refused)
{
	struct tls *tls = t->shared;

	if (t->kind != &tls_kind)
		return false;
	pthread_mutex_lock(&tls->lock);
	*n_reloads = tls->n_reloads;
	*n_refused = tls->n_refused;
	pthread_mutex_unlock(&tls->lock);
	return true;
}

void
tls_trouble(const struct transport *t, char why[TLS_WHY])
{
	struct tls *tls = t->shared;

	why[0] = '\0';
	if (t->kind != &tls_kind)
		return;
	pthread_mutex_lock(&tls->lock);
	memcpy(why, tls->why, TLS_WHY);
	pthread_mutex_unlock(&tls->lock);
}

void
tls_free(struct transport *t, const struct place *place)
{
	if (t->kind == &tls_kind)
		drop(t->shared, place);
	*t = wire_plain;
}

bool
tls_needs_host(const struct transport *t)
{
	const struct tls *tls = t->shared;

	return t->kind == &tls_kind && tls->verify == TLS_VERIFY_FULL && tls->servername[0] == '\0';
}
