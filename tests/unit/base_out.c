/* SPDX-License-Identifier: MIT */
/* Text on its way out: every boundary of the buffer, bytes of all kinds, a writer that says no. */
#include "base/out.h"
#include "harness.h"

enum { SINK = 16384, REFUSED = -4711 };

/* What arrived, and from which call on the writer says no (0: never). */
struct sink {
	char text[SINK];
	size_t n;
	unsigned calls;
	unsigned refuse_at;
	size_t largest;
};

static int
sink_write(void *arg, const char *text, size_t len)
{
	struct sink *s = arg;

	s->calls++;
	if (s->calls == s->refuse_at)
		return REFUSED;
	cr_assert_gt(len, 0, "an empty piece was written");
	cr_assert_le(s->n + len, sizeof(s->text));
	memcpy(s->text + s->n, text, len);
	s->n += len;
	s->largest = len > s->largest ? len : s->largest;
	return 0;
}

static bool
arrived(const struct sink *s, const void *text, size_t len)
{
	return s->n == len && memcmp(s->text, text, len) == 0;
}

static void
begin(struct out *o, struct sink *s)
{
	memset(s, 0, sizeof(*s));
	out_begin(o, sink_write, s);
}

static void
fill(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] = (char)('!' + i % 90);
}

Test(out, nothing_is_written_of_nothing)
{
	struct sink s;
	struct out o;

	begin(&o, &s);
	out_bytes(&o, "x", 0);
	out_text(&o, "");
	cr_expect_eq(out_end(&o), 0);
	cr_expect_eq(s.calls, 0);
}

/* Two pieces whose sum is around one, two and three buffers, cut at every place near a boundary. */
Test(out, pieces_of_every_size_arrive_whole)
{
	static char text[3 * OUT_ROOM + 8];
	static struct sink s;
	struct out o;

	fill(text, sizeof(text));
	for (size_t all = 0; all <= sizeof(text); all++) {
		for (size_t cut = 0; cut <= all;
		     cut += cut < 4 || cut % OUT_ROOM > 1020 ? 1 : 251) {
			begin(&o, &s);
			out_bytes(&o, text, cut);
			out_bytes(&o, text + cut, all - cut);
			cr_assert_eq(out_end(&o), 0);
			cr_assert(arrived(&s, text, all), "%zu bytes cut at %zu", all, cut);
			cr_assert_le(s.largest, OUT_ROOM);
		}
	}
}

Test(out, single_bytes_arrive_in_order)
{
	static char text[2 * OUT_ROOM + 1];
	static struct sink s;
	struct out o;

	fill(text, sizeof(text));
	begin(&o, &s);
	for (size_t i = 0; i < sizeof(text); i++)
		out_bytes(&o, text + i, 1);
	cr_assert_eq(out_end(&o), 0);
	cr_expect(arrived(&s, text, sizeof(text)));
	cr_expect_eq(s.calls, 3);
}

Test(out, a_format_is_cut_at_511_bytes)
{
	char text[600];
	struct sink s;
	struct out o;

	memset(text, 'a', sizeof(text));
	for (int n = 509; n <= 514; n++) {
		begin(&o, &s);
		out_format(&o, "%.*s", n, text);
		cr_assert_eq(out_end(&o), 0);
		cr_expect(arrived(&s, text, n < 511 ? (size_t)n : 511), "%d bytes", n);
	}
}

/* After the writer said no, it is not called again, and its word is what is returned. */
Test(out, ends_when_the_writer_says_no)
{
	static char text[5 * OUT_ROOM];
	static struct sink s;
	struct out o;

	fill(text, sizeof(text));
	for (unsigned at = 1; at <= 5; at++) {
		begin(&o, &s);
		s.refuse_at = at;
		out_bytes(&o, text, 4 * OUT_ROOM + 10);
		out_text(&o, "more");
		out_json(&o, "more", 4);
		out_plain(&o, "more", 4);
		out_format(&o, "%d", 7);
		out_bytes(&o, text, 2 * OUT_ROOM);
		cr_expect_eq(out_end(&o), REFUSED, "at call %u", at);
		cr_expect_eq(s.calls, at, "called %u times", s.calls);
		cr_expect_eq(s.n, (at - 1) * OUT_ROOM);
		cr_expect_eq(out_end(&o), REFUSED, "it forgot");
		cr_expect_eq(s.calls, at);
	}
}

Test(out, ends_when_the_writer_says_no_to_the_last_piece)
{
	struct sink s;
	struct out o;

	begin(&o, &s);
	s.refuse_at = 1;
	out_text(&o, "short");
	cr_expect_eq(s.calls, 0, "written too early");
	cr_expect_eq(out_end(&o), REFUSED);
	cr_expect_eq(s.calls, 1);
}

static bool
json_is(const void *bytes, size_t len, const char *wanted)
{
	struct sink s;
	struct out o;

	begin(&o, &s);
	out_json(&o, bytes, len);
	cr_assert_eq(out_end(&o), 0);
	if (!arrived(&s, wanted, strlen(wanted)))
		printf("got %.*s, wanted %s\n", (int)s.n, s.text, wanted);
	return arrived(&s, wanted, strlen(wanted));
}

Test(out, json_of_plain_text)
{
	cr_expect(json_is("", 0, "\"\""));
	cr_expect(json_is("db/orders", 9, "\"db/orders\""));
	cr_expect(json_is("a\"b\\c", 5, "\"a\\\"b\\\\c\""));
	cr_expect(json_is("\0\x1f\n\x7f", 4, "\"\\u0000\\u001f\\u000a\\u007f\""));
}

/* The first and the last of each row of the table of well-formed UTF-8, which stay as they are. */
Test(out, json_keeps_what_is_utf8)
{
	static const char *const good[] = {
		"\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",     "\xe0\xbf\xbf",
		"\xe1\x80\x80",     "\xec\xbf\xbf",     "\xed\x80\x80",     "\xed\x9f\xbf",
		"\xee\x80\x80",     "\xef\xbf\xbf",     "\xf0\x90\x80\x80", "\xf0\xbf\xbf\xbf",
		"\xf1\x80\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x80\x80\x80", "\xf4\x8f\xbf\xbf",
	};

	for (size_t i = 0; i < countof(good); i++) {
		char wanted[16];

		(void)snprintf(wanted, sizeof(wanted), "\"%s\"", good[i]);
		cr_expect(json_is(good[i], strlen(good[i]), wanted), "row %zu", i);
	}
}

/* Just outside each row, cut short, or overlong: said byte by byte. */
Test(out, json_says_what_is_not_utf8_byte_by_byte)
{
	static const char *const bad[] = {
		"\x80",         "\xbf",
		"\xc0\x80",     "\xc1\xbf",
		"\xc2",         "\xc2\x7f",
		"\xc2\xc0",     "\xe0\x9f\xbf",
		"\xe0\xc0\x80", "\xe1\x80",
		"\xe1\x80\xc0", "\xed\xa0\x80",
		"\xef\x80\x7f", "\xf0\x8f\xbf\xbf",
		"\xf0\x90\x80", "\xf1\x80\xff",
		"\xf4\x90\x80", "\xf5\x80\x80",
		"\xff",         "\xfe\xfe",
	};

	for (size_t i = 0; i < countof(bad); i++) {
		char wanted[64] = "\"";
		size_t n = 1;

		for (const char *p = bad[i]; *p != '\0'; p++) {
			const unsigned char c = (unsigned char)*p;

			/* A plain byte that spoilt a sequence is itself again, but for what JSON minds. */
			if (c < 0x7f)
				n += (size_t)snprintf(wanted + n, sizeof(wanted) - n, "%c", c);
			else
				n += (size_t)snprintf(wanted + n, sizeof(wanted) - n, "\\u%04x", c);
		}
		(void)snprintf(wanted + n, sizeof(wanted) - n, "\"");
		cr_expect(json_is(bad[i], strlen(bad[i]), wanted), "case %zu", i);
	}
}

Test(out, json_does_not_read_past_the_end)
{
	/* The rest of the sequence is there, but is not part of the text. */
	cr_expect(json_is("\xf0\x90\x80\x80", 3, "\"\\u00f0\\u0090\\u0080\""));
	cr_expect(json_is("a\xc2\x80", 2, "\"a\\u00c2\""));
}

Test(out, plain_is_printable)
{
	struct sink s;
	struct out o;
	unsigned char all[256];

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	begin(&o, &s);
	out_plain(&o, all, sizeof(all));
	cr_assert_eq(out_end(&o), 0);
	cr_expect_eq(s.n, 94 + 162 * 4);
	for (size_t i = 0; i < s.n; i++)
		cr_assert(s.text[i] >= 0x20 && s.text[i] <= 0x7e);
	cr_expect_eq(memcmp(s.text, "\\x00\\x01", 8), 0);
	begin(&o, &s);
	out_plain(&o, "a\\b\xc3\xa4 \n", 7);
	cr_assert_eq(out_end(&o), 0);
	cr_expect(arrived(&s, "a\\x5cb\\xc3\\xa4 \\x0a", 19));
}

/* Escapes that do not fit into what is left of the buffer are cut by it, and whole behind it. */
Test(out, escapes_cross_the_buffer)
{
	static char text[OUT_ROOM];
	static struct sink s;
	struct out o;

	memset(text, 'x', sizeof(text));
	for (size_t n = OUT_ROOM - 8; n <= OUT_ROOM; n++) {
		begin(&o, &s);
		out_bytes(&o, text, n);
		out_json(&o, "\x01", 1);
		out_plain(&o, "\x02", 1);
		cr_assert_eq(out_end(&o), 0);
		cr_assert_eq(s.n, n + 12);
		cr_expect_eq(memcmp(s.text + n, "\"\\u0001\"\\x02", 12), 0, "at %zu", n);
	}
}

Test(out, a_file_takes_it_all)
{
	FILE *file = tmpfile();
	char back[32] = "";
	struct out o;

	cr_assert_not_null(file);
	out_begin(&o, lk_write_file, file);
	out_text(&o, "to a file\n");
	cr_expect_eq(out_end(&o), 0);
	rewind(file);
	cr_expect_not_null(fgets(back, sizeof(back), file));
	cr_expect_str_eq(back, "to a file\n");
	(void)fclose(file);
}

Test(out, a_full_file_is_an_io_error)
{
	FILE *full = fopen("/dev/full", "w");
	struct out o;

	cr_assert_not_null(full);
	(void)setvbuf(full, NULL, _IONBF, 0);
	out_begin(&o, lk_write_file, full);
	out_text(&o, "no room");
	cr_expect_eq(out_end(&o), LK_E_IO);
	(void)fclose(full);
}
