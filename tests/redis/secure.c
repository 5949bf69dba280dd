/* SPDX-License-Identifier: MIT */
/* "rediss:": whom it believes, and that nobody else hears anything.  (TL1, TL2) */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "stage.h"

struct secure {
	struct certificates c;
	struct stage g;
	char url[160]; /* without parameters but its patience */
	char port[8];
	const char *options[24];
};

/* A server with that certificate; `asks`: it wants one of ours. */
static void
make(struct secure *t, const char *certificate, bool asks)
{
	const char *const options[] = { "--port",
					"0",
					"--tls-port",
					SERVER_PORT,
					"--tls-cert-file",
					certificate,
					"--tls-key-file",
					certificate,
					"--tls-ca-cert-file",
					t->c.ca,
					"--tls-auth-clients",
					asks ? "yes" : "no",
					NULL };
	int rc = lk_store_register(lk_store_rediss());

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	memcpy(t->options, options, sizeof(options));
	stage_make(&t->g, t->options);
	snprintf(t->url, sizeof(t->url), "rediss://" APP "localhost:%d?timeout_ms=20000",
		 t->g.server.port);
}

static void
remove_all(struct secure *t)
{
	stage_remove(&t->g);
	certificates_remove(&t->c);
}

/* Open it so; what is said has that in it, and never the password. */
static void
try(const struct secure *t, const char *parameters, int code, const char *part)
{
	char url[400], report[320];

	snprintf(url, sizeof(url), "%s%s", t->url, parameters);
	is(store_try(url, 0, NULL, report), code);
	cr_assert_not_null(strstr(report, part), "%s: %s", parameters, report);
	cr_assert(strstr(report, "cret") == NULL && strstr(report, "hunter2") == NULL, "%s",
		  report);
}

static const char *
with(char text[300], const char *format, const char *path)
{
	char pattern[64];

	snprintf(pattern, sizeof(pattern), "%s", format);
	cr_assert_not_null(strstr(pattern, "%s"));
	*strstr(pattern, "%s") = '\0';
	snprintf(text, 300, "%s%s%s", pattern, path, strstr(format, "%s") + 2);
	return text;
}

struct ear {
	_Atomic unsigned any, named;
};

static void
hear(void *arg, const void *name, size_t len)
{
	struct ear *e = arg;

	(void)len;
	atomic_fetch_add(name == NULL ? &e->any : &e->named, 1);
}

static void
count_50(void *arg, unsigned index)
{
	(void)index;
	for (int i = 0; i < 50; i++)
		cr_expect_eq(count(arg, "n", NEVER), 0);
}

Test(secure, all_goes_on_as_without, .timeout = 60)
{
	const struct lk_session_id id = session_id(1);
	char *large = calloc(1, LK_STORE_RECORD_MAX);
	struct ear e = { 0 };
	struct lk_store *s, *other;
	struct secure t;
	char url[400];

	certificates_make(&t.c);
	make(&t, t.c.server, false);
	snprintf(url, sizeof(url), "%s&cacert=%s", t.url, t.c.ca);
	s = store_open(url);
	ok(s->ops->watch(s, hear, &e));
	wait_until(atomic_load(&e.any) == 1);
	test_threads(4, count_50, s);
	cr_assert_eq(counted(s, "n"), 200);
	other = store_open(url);
	ok(put(other, "another's", "1", 1, NEVER)); /* nobody is told of what is his own */
	wait_until(atomic_load(&e.named) > 0);
	lk_store_close(other);
	ok(put(s, "large", large, LK_STORE_RECORD_MAX, NEVER));
	cr_assert_eq(get(s, "large", NULL, 0, NEVER), LK_STORE_RECORD_MAX);
	ok(s->ops->session_open(s, &id, LONG_TTL_NS, "me", NEVER));
	for (unsigned i = 1; i <= 5; i++) {
		cr_assert_gt(server_do(&t.g.server, "CLIENT KILL USER app"), 0);
		ok(s->ops->session_renew(s, &id, NEVER));
	}
	wait_until(atomic_load(&e.any) > 1); /* it listens again */
	lk_store_close(s);
	free(large);
	remove_all(&t);
}

Test(secure, the_certificate_is_looked_at, .timeout = 60)
{
	struct secure t;
	char text[300];

	certificates_make(&t.c);
	make(&t, t.c.server, false);
	try(&t, with(text, "&cacert=%s", t.c.ca), 0, "");
	try(&t, with(text, "&cacert=%s", t.c.other_ca), LK_E_STORE, "the server's certificate: ");
	try(&t, "", LK_E_STORE, "the server's certificate: "); /* the system's do not know it */
	try(&t, "&verify=none", 0, "");
	try(&t, "&verify=ca", LK_E_STORE, "the server's certificate: ");
	try(&t, with(text, "&cacert=%s&servername=elsewhere.test", t.c.ca), LK_E_STORE,
	    "ostname mismatch");
	snprintf(t.url, sizeof(t.url), "rediss://" APP "127.0.0.1:%d?timeout_ms=20000",
		 t.g.server.port);
	try(&t, with(text, "&cacert=%s", t.c.ca), 0, "");
	remove_all(&t);
}

Test(secure, it_has_to_be_for_the_host, .timeout = 60)
{
	struct secure t;
	char text[300];

	certificates_make(&t.c);
	make(&t, t.c.elsewhere, false);
	try(&t, with(text, "&cacert=%s", t.c.ca), LK_E_STORE, "ostname mismatch");
	try(&t, with(text, "&cacert=%s&verify=full", t.c.ca), LK_E_STORE, "ostname mismatch");
	try(&t, with(text, "&cacert=%s&servername=elsewhere.test", t.c.ca), 0, "");
	try(&t, with(text, "&cacert=%s&verify=ca", t.c.ca), 0, "");
	snprintf(t.url, sizeof(t.url), "rediss://" APP "127.0.0.1:%d?timeout_ms=20000",
		 t.g.server.port);
	try(&t, with(text, "&cacert=%s", t.c.ca), LK_E_STORE, "IP address mismatch");
	remove_all(&t);
}

Test(secure, it_has_to_be_of_today, .timeout = 60)
{
	struct secure t;
	char text[300];

	certificates_make(&t.c);
	make(&t, t.c.expired, false);
	try(&t, with(text, "&cacert=%s", t.c.ca), LK_E_STORE, "expired");
	try(&t, with(text, "&cacert=%s&verify=ca", t.c.ca), LK_E_STORE, "expired");
	remove_all(&t);
}

/* The server asks for one of ours. */
Test(secure, a_certificate_of_ours, .timeout = 60)
{
	struct secure t;
	char text[300], more[300];

	certificates_make(&t.c);
	make(&t, t.c.server, true);
	with(text, "&cacert=%s", t.c.ca);
	try(&t, text, LK_E_STORE, "");
	strcat(text, "&cert=%s");
	try(&t, with(more, text, t.c.client), 0, "");
	try(&t, with(more, text, t.c.other_client), LK_E_STORE, "");
	strcat(text, "&key=");
	strcat(text, t.c.client);
	try(&t, with(more, text, t.c.client), 0, "");
	try(&t, with(more, text, t.c.other_client), LK_E_INVAL, "key: ");
	remove_all(&t);
}

/* What is in one file, as a new one in the place of another. */
static void
replace(const char *path, const char *with_that)
{
	char bytes[8192], fresh[80];
	FILE *f = fopen(with_that, "r");
	size_t n;

	cr_assert_not_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	cr_assert(n < sizeof(bytes) && fclose(f) == 0);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "w");
	cr_assert(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
	cr_assert_eq(rename(fresh, path), 0);
}

static uint64_t
figure(struct lk_store *s, const char *name)
{
	struct lk_store_figure all[LK_STORE_FIGURES_MAX];
	const size_t n = s->ops->figures(s, all, LK_STORE_FIGURES_MAX);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].name, name) == 0)
			return all[i].value;
	}
	cr_assert(false, "%s", name);
	return 0;
}

static bool
tells(struct lk_store *s, const char *part)
{
	char text[500];

	(void)s->ops->state(s, text, sizeof(text));
	return strstr(text, part) != NULL;
}

/* Ask once more, over a connection that is made now. */
static int
ask_anew(struct secure *t, struct lk_store *s)
{
	(void)server_do(&t->g.server, "CLIENT KILL USER app");
	return count(s, "n", NEVER);
}

/* New ones are used for what is opened from then on.  (TL3, TL4) */
Test(secure, certificates_may_change, .timeout = 60)
{
	struct lk_store *s;
	struct secure t;
	char mine[80], trusted[80], url[500];

	certificates_make(&t.c);
	make(&t, t.c.server, true);
	snprintf(mine, sizeof(mine), "%s/mine.pem", t.c.top);
	snprintf(trusted, sizeof(trusted), "%s/trusted.pem", t.c.top);
	replace(mine, t.c.client);
	replace(trusted, t.c.ca);
	snprintf(url, sizeof(url), "%s&cacert=%s&cert=%s&pool_max=1", t.url, trusted, mine);
	s = store_open(url);
	ok(ask_anew(&t, s));
	cr_expect_eq(figure(s, "tls_reloads"), 0);
	replace(mine, t.c.other_client); /* whom the server does not know */
	ok(count(s, "n", NEVER));        /* what is open stays */
	cr_expect_eq(figure(s, "tls_reloads"), 0);
	is(ask_anew(&t, s), LK_E_STORE);
	cr_expect_eq(figure(s, "tls_reloads"), 1);
	replace(mine, t.c.client);
	ok(ask_anew(&t, s));
	replace(trusted, t.c.other_ca);
	is(ask_anew(&t, s), LK_E_STORE);
	cr_expect(says(s, "the server's certificate: "));
	replace(trusted, t.c.ca);
	ok(ask_anew(&t, s));
	cr_expect_eq(figure(s, "tls_reloads"), 4);
	cr_expect_eq(figure(s, "tls_reloads_refused"), 0);
	lk_store_close(s);
	(void)unlink(mine);
	(void)unlink(trusted);
	remove_all(&t);
}

/* What cannot be used is told of, and the former one stays in use.  (TL3) */
Test(secure, certificates_that_broke_are_not_used, .timeout = 60)
{
	struct lk_store *s;
	struct secure t;
	char mine[80], key[80], url[500];

	certificates_make(&t.c);
	make(&t, t.c.server, true);
	snprintf(mine, sizeof(mine), "%s/mine.pem", t.c.top);
	snprintf(key, sizeof(key), "%s/key.pem", t.c.top);
	replace(mine, t.c.client);
	replace(key, t.c.client);
	snprintf(url, sizeof(url), "%s&cacert=%s&cert=%s&key=%s&pool_max=1", t.url, t.c.ca, mine,
		 key);
	s = store_open(url);
	replace(mine, "/proc/version");
	ok(ask_anew(&t, s));
	cr_expect(says(s, "cannot be used; the former ones stay in use: cert: "));
	cr_expect(tells(s, "cannot be used: cert: "));
	replace(mine, t.c.other_client); /* its key is still the former one's */
	ok(ask_anew(&t, s));
	cr_expect(tells(s, "cannot be used: key: "));
	cr_assert_eq(unlink(mine), 0);
	ok(ask_anew(&t, s));
	cr_expect(tells(s, "cannot be used: cert: "));
	cr_expect_eq(figure(s, "tls_reloads"), 0);
	cr_expect_ge(figure(s, "tls_reloads_refused"), 3);
	replace(mine, t.c.server); /* good for the server, too: of the same authority */
	replace(key, t.c.server);
	ok(ask_anew(&t, s));
	cr_expect(!tells(s, "cannot be used"));
	cr_expect_eq(figure(s, "tls_reloads"), 1);
	lk_store_close(s);
	(void)unlink(mine);
	(void)unlink(key);
	remove_all(&t);
}

struct log {
	atomic_uint broken;
	atomic_uint mended;
};

static void
note_line(void *arg, enum lk_log_level level, const char *line)
{
	struct log *log = arg;

	atomic_fetch_add(&log->broken, level == LK_LOG_WARN &&
					       strstr(line, "TLS have changed, and cannot be used; "
							    "the former ones stay in use: cert: "));
	atomic_fetch_add(&log->mended,
			 level == LK_LOG_INFO && strstr(line, "TLS can be used again") != NULL);
}

/* A manager asks its store, over a connection that is made now. */
static void
lock_anew(struct secure *t, struct lk_owner *w)
{
	const struct lk_options o = { .size = sizeof(o), .timeout_ns = 30000000000 };
	static int n;
	char name[24];
	lk_grant g;

	(void)server_do(&t->g.server, "CLIENT KILL USER app");
	snprintf(name, sizeof(name), "n%d", n++);
	while (lk_acquire(w, name, LK_X, &o, &g) != 0) /* a question that was cut off */
		;
	ok(lk_release(w, g));
}

/* … and told to who looks after the program, once for each change.  (N3) */
Test(secure, certificates_that_broke_are_in_the_log, .timeout = 120)
{
	struct log log = { 0 };
	struct lk_config cfg = LK_CONFIG_INIT;
	struct lk_manager *m;
	struct lk_owner *w;
	struct secure t;
	char mine[80], url[500];

	certificates_make(&t.c);
	make(&t, t.c.server, true);
	snprintf(mine, sizeof(mine), "%s/mine.pem", t.c.top);
	replace(mine, t.c.client);
	snprintf(url, sizeof(url), "%s&cacert=%s&cert=%s&breaker_threshold=off&log_level=info",
		 t.url, t.c.ca, mine);
	cfg.on_log = note_line;
	cfg.on_log_arg = &log;
	ok(lk_open(url, &cfg, &m));
	ok(lk_owner_open(m, NULL, &w));
	replace(mine, "/proc/version");
	for (int i = 0; i < 3 || atomic_load(&log.broken) == 0; i++)
		lock_anew(&t, w);
	replace(mine, t.c.client);
	/* A connection on its way then has no user yet to be found by: so perhaps again. */
	while (atomic_load(&log.mended) == 0)
		lock_anew(&t, w);
	ok(lk_owner_close(w));
	ok(lk_close(m));
	cr_expect_eq(atomic_load(&log.broken), 1);
	cr_expect_eq(atomic_load(&log.mended), 1);
	(void)unlink(mine);
	remove_all(&t);
}

/* With TLS 1.2 the server refuses within the handshake; it says why in each version. */
Test(secure, older_versions, .timeout = 60)
{
	static const char *const versions[] = { "TLSv1.2", "TLSv1.3" };
	struct secure t;
	char text[300];

	for (size_t i = 0; i < countof(versions); i++) {
		certificates_make(&t.c);
		make(&t, t.c.server, true);
		server_do(&t.g.server, "CONFIG SET tls-protocols %s", versions[i]);
		with(text, "&cacert=%s&cert=", t.c.ca);
		strcat(text, t.c.client);
		try(&t, text, 0, "");
		remove_all(&t);
	}
}

Test(secure, what_the_url_says_is_checked, .timeout = 60)
{
	static const char *const bad[] = {
		"&cacert=/nowhere", "&cert=/nowhere", "&key=/nowhere", "&verify=maybe",
		"&verify=",         "&servername=",   "&cacert=",
	};
	struct secure t;
	char text[300], report[320];

	certificates_make(&t.c);
	make(&t, t.c.server, false);
	for (size_t i = 0; i < countof(bad); i++)
		try(&t, bad[i], LK_E_INVAL, "redis: ");
	try(&t, with(text, "&cert=%s", t.c.locked), LK_E_INVAL, "key: "); /* nobody is asked */
	try(&t, with(text, "&cert=%s", t.c.ca), LK_E_INVAL, "key: ");
	is(store_try("redis://localhost?verify=none", 0, NULL, report), LK_E_INVAL);
	is(store_try("rediss:/run/socket", 0, NULL, report), LK_E_INVAL);
	cr_assert_not_null(strstr(report, "servername"), "%s", report);
	remove_all(&t);
}

/* Every allocation fails once, but those of OpenSSL: nothing is left over. */
Test(secure, memory_that_is_not_there, .timeout = 60)
{
	struct test_heap heap;
	struct lk_store *s = NULL;
	struct secure t;
	char url[400];
	unsigned i = 0;
	int rc;

	certificates_make(&t.c);
	make(&t, t.c.server, false);
	snprintf(url, sizeof(url), "%s&cacert=%s&pool_min=2", t.url, t.c.ca);
	test_heap_init(&heap);
	do {
		const struct lk_store_open o = { .size = sizeof(o), .allocator = &heap.allocator };

		test_heap_fail(&heap, ++i, false);
		rc = lk_store_open(url, &o, &s);
		cr_assert(rc == 0 || rc == LK_E_NOMEM, "%s", lk_errname(rc));
		test_heap_fail(&heap, 0, false);
		if (rc == 0) {
			ok(count(s, "n", NEVER));
			lk_store_close(s);
		}
		cr_assert_eq(atomic_load(&heap.blocks), 0);
	} while (rc != 0);
	cr_assert_gt(i, 2);
	remove_all(&t);
}

/* Managers, by the URL. */
Test(secure, locks, .timeout = 60)
{
	struct lk_manager *m;
	struct secure t;
	char url[400];
	lk_grant g;

	certificates_make(&t.c);
	make(&t, t.c.server, false);
	snprintf(url, sizeof(url), "%s&cacert=%s&linger_ns=off", t.url, t.c.ca);
	ok(lk_open(url, NULL, &m));
	for (int i = 0; i < 20; i++) {
		ok(lk_acquire(lk_self(m), "a", LK_X, NULL, &g));
		ok(lk_release(lk_self(m), g));
	}
	ok(lk_close(m));
	remove_all(&t);
}

/* ---------------------------------------------------------------- servers that are none */

static int
listen_anywhere(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 16) == 0 &&
		  getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* It takes the connection, and says nothing. */
Test(secure, a_server_that_is_dead_in_the_handshake, .timeout = 60)
{
	int rc = lk_store_register(lk_store_rediss());
	char url[160], report[320];
	int port, fd = listen_anywhere(&port);

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	snprintf(url, sizeof(url), "rediss://" APP "127.0.0.1:%d?timeout_ms=300", port);
	is(store_try(url, 0, NULL, report), LK_E_STORE);
	cr_assert(strstr(report, "the TLS handshake is not answered in time") != NULL &&
			  strstr(report, "cret") == NULL,
		  "%s", report);
	(void)close(fd);
}

struct liar {
	int fd;
	const char *says;
	bool has_heard_password;
};

/* Answer the first thing that comes with a text, and read what is said then. */
static void
lie(void *arg, unsigned index)
{
	struct liar *l = arg;
	int fd = accept(l->fd, NULL, NULL);
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	(void)index;
	if (l->says != NULL)
		cr_expect_gt(send(fd, l->says, strlen(l->says), MSG_NOSIGNAL), 0);
	if (l->says == NULL)
		(void)shutdown(fd, SHUT_WR);
	while (n > 0) {
		l->has_heard_password |= memmem(bytes, (size_t)n, "cret", 4) != NULL;
		n = recv(fd, bytes, sizeof(bytes), 0);
	}
	(void)close(fd);
}

/* What speaks no TLS, or ends in the middle of it, is told nothing. */
Test(secure, a_server_without_tls, .timeout = 60)
{
	static const char *const says[] = { "-ERR unknown command\r\n", NULL };
	int rc = lk_store_register(lk_store_rediss());

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	for (size_t i = 0; i < countof(says); i++) {
		struct liar l = { .says = says[i] };
		struct test_thread thread;
		char url[160], report[320];
		int port;

		l.fd = listen_anywhere(&port);
		test_spawn(&thread, 1, lie, &l);
		snprintf(url, sizeof(url), "rediss://" APP "127.0.0.1:%d?timeout_ms=20000", port);
		is(store_try(url, 0, NULL, report), LK_E_STORE);
		cr_assert_not_null(strstr(report, "does it speak TLS there?"), "%s", report);
		test_join(&thread, 1);
		cr_assert(!l.has_heard_password);
		(void)close(l.fd);
	}
}

/* And a real one that speaks none: it may wait for more, or answer. */
Test(secure, a_plain_server, .timeout = 60)
{
	int rc = lk_store_register(lk_store_rediss());
	char url[160], report[320];
	struct stage g;

	cr_assert(rc == 0 || rc == LK_E_BUSY);
	stage_make(&g, NULL);
	snprintf(url, sizeof(url), "rediss://" APP "127.0.0.1:%d?timeout_ms=300", g.server.port);
	is(store_try(url, 0, NULL, report), LK_E_STORE);
	cr_assert(strstr(report, "TLS") != NULL && strstr(report, "cret") == NULL, "%s", report);
	stage_remove(&g);
}

/* ----------------------------------------------------------------------- lost on the way */

/* A socket in between, so the host cannot be known by the URL. */
static void
make_with_proxy(struct secure *t, char url[400])
{
	char path[64];

	certificates_make(&t->c);
	make(t, t->c.server, false);
	snprintf(t->port, sizeof(t->port), "%d", t->g.server.port);
	snprintf(path, sizeof(path), "%.40s/p", t->g.server.top);
	proxy_start(&t->g.proxy, path, t->port);
	t->g.has_proxy = true;
	snprintf(url, 400, "rediss:unix:" APP "%s?timeout_ms=20000&servername=localhost&cacert=%s",
		 path, t->c.ca);
}

Test(secure, among_random_cuts_nothing_is_lost_or_made_twice, .timeout = 120)
{
	struct secure t;
	char url[400];

	make_with_proxy(&t, url);
	chaos_run(&t.g, url);
	remove_all(&t);
}

/* Wherever the bytes end, in the handshake or after it. */
Test(secure, connections_that_are_cut, .timeout = 60)
{
	static const long cuts[] = { 0, 1, 5, 80, 300, 700, 1000, 1300, 1600, 2000, 3000 };
	char url[400], report[320];
	struct lk_store *s;
	uint64_t made = 0;
	struct secure t;

	make_with_proxy(&t, url);
	s = store_open(url);
	for (size_t i = 0; i < countof(cuts); i++) {
		const unsigned before = atomic_load(&t.g.proxy.cuts);
		int rc;

		proxy_set(&t.g.proxy, i % 2 ? PROXY_REQUESTS : PROXY_ANSWERS, PROXY_CUT, cuts[i]);
		rc = store_try(url, 0, NULL, report);
		cr_assert(rc == LK_E_STORE || (rc == 0 && atomic_load(&t.g.proxy.cuts) == before),
			  "%ld: %s: %s", cuts[i], lk_errname(rc), report);
		proxy_set(&t.g.proxy, PROXY_REQUESTS, PROXY_CUT, cuts[i] / 4);
		rc = count(s, "n", NEVER);
		cr_assert(rc == 0 || rc == LK_E_STORE, "%s", lk_errname(rc));
		made += rc == 0;
		proxy_set(&t.g.proxy, PROXY_REQUESTS, PROXY_PASS, 0);
		proxy_set(&t.g.proxy, PROXY_ANSWERS, PROXY_PASS, 0);
		cr_assert_eq(counted(s, "n"), made);
	}
	proxy_set(&t.g.proxy, PROXY_ANSWERS, PROXY_DRIP, 0);
	ok(store_try(url, 0, NULL, report));
	lk_store_close(s);
	remove_all(&t);
}
