/* SPDX-License-Identifier: MIT */
/* Tokens as text: what is written is read again, and nothing else is. */
#include "base/token_text.h"
#include "harness.h"

Test(token_text, has_one_known_form)
{
	const struct token_text t = { 1, UINT64_C(0xabcdef), UINT64_MAX, 0, 0 };
	char text[TOKEN_TEXT_BYTES + 1];

	memset(text, 'x', sizeof(text));
	token_text_write(text, &t);
	cr_expect_str_eq(text, "lk1-0000000000000001-0000000000abcdef-ffffffffffffffff-"
			       "0000000000000000");
	cr_expect_eq(text[TOKEN_TEXT_BYTES], 'x');
}

Test(token_text, is_read_as_it_was_written)
{
	uint64_t state = 1;

	for (int i = 0; i < 1000; i++) {
		const struct token_text t = { test_random(&state), test_random(&state),
					      test_random(&state), test_random(&state),
					      (uint64_t)i % 2 };
		struct token_text back = { 0 };
		char text[TOKEN_TEXT_BYTES];

		token_text_write(text, &t);
		cr_assert(token_text_read(text, &back));
		cr_assert(back.fence == t.fence && back.owner == t.owner && back.grant == t.grant &&
			  back.check == t.check && back.is_detached == t.is_detached);
		cr_assert_eq(text[2], i % 2 == 0 ? '1' : '2');
	}
}

/* Every byte in every place: it is another token, or none. */
Test(token_text, has_no_second_form)
{
	const struct token_text t = { 0, UINT64_C(0x123456789abcdef0), 7, UINT64_MAX, 0 };
	struct token_text back;
	char text[TOKEN_TEXT_BYTES];
	char again[TOKEN_TEXT_BYTES];

	token_text_write(text, &t);
	for (size_t at = 0; at < TOKEN_TEXT_BYTES; at++) {
		for (int byte = 0; byte < 256; byte++) {
			const char was = text[at];
			struct token_text kept = t;

			text[at] = (char)byte;
			if (at + 1 == TOKEN_TEXT_BYTES && byte != 0) {
				text[at] = was; /* there is no end to look for */
				continue;
			}
			back = kept;
			if (token_text_read(text, &back)) {
				token_text_write(again, &back);
				cr_assert_eq(memcmp(text, again, sizeof(text)), 0);
			} else {
				cr_assert_eq(memcmp(&back, &kept, sizeof(back)), 0);
				cr_assert_neq(byte, was);
			}
			text[at] = was;
		}
	}
}
