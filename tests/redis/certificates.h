/* SPDX-License-Identifier: MIT */
/* Certificates for a test, good and bad ones, made anew each time. */
#ifndef TESTS_REDIS_CERTIFICATES_H
#define TESTS_REDIS_CERTIFICATES_H

/* Made in a folder: each NAME.pem is a certificate and its key, as PEM. */
struct certificates {
	char top[40];
	char ca[64];        /* whom one trusts: the certificate alone */
	char other_ca[64];  /* … and one that has signed nothing but `other_client` */
	char server[64];    /* for localhost and 127.0.0.1 */
	char elsewhere[64]; /* for elsewhere.test */
	char expired[64];   /* for localhost, until yesterday */
	char client[64];
	char other_client[64];
	char locked[64]; /* the client's key, with a password */
};

void certificates_make(struct certificates *c);
void certificates_remove(struct certificates *c);

#endif /* TESTS_REDIS_CERTIFICATES_H */
