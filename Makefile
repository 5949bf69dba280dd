# SPDX-License-Identifier: MIT
#
# Latchkey.  `make` builds the library, `make help` says what else there is.
#
#   CC=clang                 another compiler
#   SAN=address,undefined    with sanitizers (SAN=thread); tests then use tests/lib/runner.c
#   DEBUG=1                  without optimisation, with internal checks
#   SHIM='"path/backend.h"'  another back end under the shim (src/base/atomic.h)
#   RUNNER=mini              the small test runner instead of Criterion
#   WERROR=                  warnings are only warnings
#   T=name                   make test: only tests with `name` in their names
#
# Everything made is under build/.  The default configuration puts libraries and programs
# straight there; any other has all its own in build/<configuration>/.

VERSION   := $(shell sed -n 's/^.define LATCHKEY_VERSION  *"\(.*\)"/\1/p' include/latchkey.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man

# ------------------------------------------------------------------ configuration

ifeq ($(origin CC),default)
CC := gcc
endif
comma  := ,
RUNNER ?= $(if $(SAN),mini,criterion)

SHIM_NAME := $(subst .,-,$(notdir $(subst ",,$(SHIM))))
CFG := $(notdir $(firstword $(CC)))-$(if $(SAN),san-$(subst $(comma),-,$(SAN)),$(if \
	$(DEBUG),debug,release))$(if $(SHIM),-shim-$(SHIM_NAME))$(if \
	$(filter mini,$(RUNNER)),$(if $(SAN),,-mini))
O   := build/$(CFG)
OUT := $(if $(filter gcc-release,$(CFG)),build,$O)

# Sanitizers confuse the compiler's flow analysis: there, warnings are only warnings.
WERROR   ?= $(if $(SAN),,-Werror)
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
CFLAGS   ?= $(if $(SAN),-O1 -g -fno-omit-frame-pointer,$(if $(DEBUG),-O0 -g,-O2 -g))

BASE_CFLAGS := -std=gnu11 $(WARNINGS) -pthread -Iinclude -MMD -MP
BASE_CFLAGS += $(if $(DEBUG),-DLK_DEBUG) $(if $(SHIM),-I. -DLK_SHIM_H='$(SHIM)')
LIB_CFLAGS  := -Isrc -fPIC -fvisibility=hidden -fno-semantic-interposition -fno-strict-aliasing
ifneq ($(SAN),)
SAN_FLAGS   := -fsanitize=$(SAN) $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=all)
BASE_CFLAGS += $(SAN_FLAGS) -DLK_SANITIZE
endif

URCU_CFLAGS := $(shell pkg-config --cflags liburcu-bp 2>/dev/null)
URCU_LIBS   := $(shell pkg-config --libs liburcu-bp 2>/dev/null || \
	echo -lurcu-bp -lurcu-common)
LIB_CFLAGS  += $(URCU_CFLAGS)
LIBS        := $(URCU_LIBS) -pthread

# ------------------------------------------------------------------------ targets

STATIC   := $(OUT)/liblatchkey.a
SONAME   := liblatchkey.so.$(SOVERSION)
SHARED   := $(OUT)/liblatchkey.so.$(VERSION)
SOLINKS  := $(OUT)/$(SONAME) $(OUT)/liblatchkey.so
RESPD    := $(OUT)/examples/respd $(OUT)/examples/respd-check
EXAMPLES := $(patsubst examples/%.c,$(OUT)/examples/%,$(wildcard examples/*.c)) $(RESPD)
BENCH    := $(OUT)/bench/latchkey-bench
# clang links its thread sanitizer into the program, where tests/failure would wrap the sanitizer's calls too.
FAILURE  := $(if $(and $(findstring clang,$(CC)),$(findstring thread,$(SAN))),,failure)
# Counts what each access of the core touches, for which sanitizers have no eyes.
LINES    := $(if $(SAN)$(SHIM),,lines)
TESTS    := $(foreach d,unit api stress $(FAILURE) model isolation $(LINES),$(if $(wildcard tests/$d/*.c),$O/tests/$d))

LIB_OBJ := $(patsubst %.c,$O/obj/%.o,$(wildcard src/*/*.c))
LK_LIBS := $(STATIC) $(if $(SAN),,$(SHARED) $(SOLINKS))

.PHONY: all help examples tests test check check-deep coverage demo bench bench-deps bench-report lint lint-deep format install uninstall clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(LK_LIBS)

help:
	@sed -n '/^#$$/,/^$$/s/^# \{0,1\}//p' Makefile
	@echo 'make [all]   the libraries'
	@echo 'make check   everything that can be checked, in several configurations'
	@echo 'make check-deep   the same for hours: schedules, model, fuzzers, valgrind, arm64;   make coverage'
	@echo 'make test    the tests of one configuration; make tests only builds them'
	@echo 'make demo    the examples on real text'
	@echo 'make bench   the benchmark;   make bench-report   the same as a page'
	@echo 'make bench-deps   installs what else is measured; then make bench insists on it'
	@echo 'make examples   the examples'
	@echo 'make lint    the rules of the house;   make lint-deep   slow analysers;   make format'
	@echo 'make install uninstall   PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean'

examples: $(EXAMPLES)
tests: $(TESTS)

test: $(TESTS)
	scripts/run-tests $(if $(T),-f '$(T)') $(TESTS)

check:
	scripts/deps check
	scripts/check

demo:
	scripts/deps build
	$(MAKE) all examples
	scripts/demo

# Whoever asked for all contestants once is told when one is missing.
RUN_BENCH = $(BENCH) $(if $(SAN),,$(if $(wildcard build/bench-deps),--require all)) \
	--commit "$$(git describe --always --dirty 2>/dev/null)"

bench: $(BENCH)
	$(RUN_BENCH) $(BENCHFLAGS)

bench-deps:
	scripts/deps-bench
	@mkdir -p build && touch build/bench-deps

bench-report: $(BENCH)
	$(RUN_BENCH) --json $(OUT)/bench/report.json $(BENCHFLAGS)
	bench/report.py $(OUT)/bench/report.json -o $(OUT)/bench/report.html

# The rules look at what gcc made, whatever CC is otherwise.
lint:
	$(MAKE) CC=gcc SAN= DEBUG= SHIM= all
	scripts/lint

# What takes long: every instrument for LK_TEST_SECONDS.
check-deep:
	scripts/deps-deep
	scripts/check-deep

coverage:
	scripts/deps-deep
	scripts/coverage

lint-deep:
	$(MAKE) CC=gcc SAN= DEBUG= SHIM= all
	scripts/lint-deep

format:
	clang-format -i $$(find src include tests examples bench -name '*.[ch]')

clean:
	rm -rf build

# ------------------------------------------------------------------------- library

# A change of compiler, flags or list of sources rebuilds what was made with others.
$O/flags: STAMP = $(strip $(CC) $(CFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(LIB_CFLAGS) $(LDFLAGS))
$O/objects: STAMP = $(LIB_OBJ)
$O/flags $O/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(STAMP))' | cmp -s - $@ || echo '$(subst ','\'',$(STAMP))' >$@
FORCE:

COMPILE = @mkdir -p $(@D) && echo '  $(notdir $(CC))	$<' && \
	$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE_CFLAGS)
LINK    = @mkdir -p $(@D) && echo '  link	$@' && $(CC) $(CFLAGS) $(LDFLAGS) $(SAN_FLAGS)

$O/obj/src/%.o: src/%.c $O/flags
	$(COMPILE) $(LIB_CFLAGS) -c $< -o $@

# One object, whose internal names are local: they cannot clash with the host program's.
$O/latchkey.o: $(LIB_OBJ) $O/objects
	@echo '  ld -r	$@'
	@$(LD) -r -o $@.all $(LIB_OBJ)
	@$(OBJCOPY) --localize-hidden $@.all $@

$(STATIC): $O/latchkey.o
	@mkdir -p $(@D) && rm -f $@
	@$(AR) rcsD $@ $<

# The same with internal names to be seen, for the unit tests.
$O/internal.a: $(LIB_OBJ) $O/objects
	@rm -f $@
	@$(AR) rcsD $@ $(LIB_OBJ)

# nodelete: threads that used lk_self() run a destructor of ours when they end.
$(SHARED): $(LIB_OBJ) $O/objects src/latchkey.map
	$(LINK) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=src/latchkey.map \
		-Wl,-z,defs -Wl,-z,nodelete -o $@ $(LIB_OBJ) $(LIBS)

$(OUT)/$(SONAME): $(SHARED)
	@ln -sf $(<F) $@
$(OUT)/liblatchkey.so: $(OUT)/$(SONAME)
	@ln -sf $(<F) $@

OBJCOPY ?= objcopy

# ---------------------------------------------------------- examples, bench, tests

$O/obj/examples/%.o: examples/%.c $O/flags
	$(COMPILE) -c $< -o $@
$(OUT)/examples/%: $O/obj/examples/%.o $(STATIC)
	$(LINK) -o $@ $^ $(LIBS)

# A server of several files, and the program that checks it.
RESPD_OBJ       := $(patsubst %.c,$O/obj/%.o,$(wildcard examples/respd/*.c))
RESPD_CHECK_OBJ := $(filter $O/obj/examples/respd/check%,$(RESPD_OBJ))
$(OUT)/examples/respd: $(filter-out $(RESPD_CHECK_OBJ),$(RESPD_OBJ)) $(STATIC)
	$(LINK) -o $@ $^ $(LIBS)
$(OUT)/examples/respd-check: $(RESPD_CHECK_OBJ)
	$(LINK) -o $@ $^ -pthread

ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),clang++,g++)
endif
# Contestants that can be built here: BENCH_PEERS, BENCH_PEERS_LIBS, PEER_FLAGS_<file>.
ifneq ($(filter bench bench-report $(BENCH),$(MAKECMDGOALS)),)
$(shell mkdir -p $O && CC='$(CC)' CXX='$(CXX)' bench/peers.sh make '$(SAN)' >$O/peers.mk.new && \
	{ cmp -s $O/peers.mk.new $O/peers.mk || mv $O/peers.mk.new $O/peers.mk; })
include $O/peers.mk
endif
PEER_CXXFLAGS := -std=gnu++17 -Wall -Wextra -Wshadow -Wconversion $(WERROR) -pthread -isystem include -MD -MP
PEER_CXXFLAGS += $(SAN_FLAGS) $(if $(findstring clang,$(CXX)),-Wno-unknown-warning-option)
BENCH_OBJ := $(patsubst bench/%,$O/obj/bench/%.o,$(basename $(wildcard bench/*.c) $(BENCH_PEERS)))
$O/obj/bench/%.o: bench/%.c $O/flags
	$(COMPILE) -Ibench -DBENCH_FLAGS='"$(CFLAGS)"' $(PEER_FLAGS_$(<F)) -c $< -o $@
$O/obj/bench/%.o: bench/%.cc $O/flags
	@mkdir -p $(@D) && echo '  $(notdir $(CXX))	$<'
	@$(CXX) $(CPPFLAGS) $(CFLAGS) $(PEER_CXXFLAGS) -Ibench $(PEER_FLAGS_$(<F)) -c $< -o $@
$(BENCH): $(BENCH_OBJ) $(STATIC) $O/peers.mk
	$(LINK) -o $@ $(BENCH_OBJ) $(STATIC) $(BENCH_PEERS_LIBS) \
		$(if $(filter %.cc,$(BENCH_PEERS)),-lstdc++) $(LIBS) -lm

# Tests of the public API do not see src/; unit tests do.
TEST_CFLAGS := -Itests/lib $(if $(filter mini,$(RUNNER)),-DLK_MINI_RUNNER)
TEST_CFLAGS += $(if $(SAN),-DLK_TIMEOUT_FACTOR=3)
# clang's idea of -Wconversion wants a cast for every lk_mode that becomes an int
TEST_CFLAGS += $(if $(findstring clang,$(CC)),-Wno-sign-conversion)
TEST_LIBS   := $(LIBS) -lm $(if $(filter mini,$(RUNNER)),,-lcriterion)
HARNESS     := $O/obj/tests/lib/harness.o $(if $(filter mini,$(RUNNER)),$O/obj/tests/lib/runner.o)

$O/obj/tests/unit/%.o: tests/unit/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Isrc $(URCU_CFLAGS) -c $< -o $@
$O/obj/tests/%.o: tests/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -c $< -o $@

test_objects = $(patsubst %.c,$O/obj/%.o,$(wildcard tests/$1/*.c)) $(HARNESS)
$O/tests/unit: $(call test_objects,unit) $O/internal.a
	$(LINK) -o $@ $^ $(TEST_LIBS)
$O/tests/api: $(call test_objects,api) $(STATIC)
	$(LINK) -o $@ $^ $(TEST_LIBS)
$O/tests/stress: $(call test_objects,stress) $(STATIC)
	$(LINK) -o $@ $^ $(TEST_LIBS)

$O/tests/model: $(call test_objects,model) $(STATIC)
	$(LINK) -o $@ $^ $(TEST_LIBS)

# Owners in fibers, as the model has them.
$O/tests/isolation: $(call test_objects,isolation) $O/obj/tests/model/fiber.o $(STATIC)
	$(LINK) -o $@ $^ $(TEST_LIBS)

# Its own build of the core, over a shim that counts cache lines.
LINES_CFLAGS := -I. -DLK_SHIM_H='"tests/lines/backend.h"'
LINES_OBJ    := $(patsubst %.c,$O/obj/lines/%.o,$(wildcard src/*/*.c))
$O/obj/lines/src/%.o: src/%.c $O/flags
	$(COMPILE) $(LIB_CFLAGS) $(LINES_CFLAGS) -c $< -o $@
$O/obj/tests/lines/%.o: tests/lines/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Isrc $(URCU_CFLAGS) $(LINES_CFLAGS) -c $< -o $@
$O/tests/lines: $(call test_objects,lines) $(LINES_OBJ)
	$(LINK) -o $@ $^ $(TEST_LIBS)

# The library's calls of the system, which these tests let fail.
FAULTS := syscall clock_gettime getrandom sched_getaffinity posix_memalign realloc \
	pthread_key_create pthread_setspecific
$O/tests/failure: $(call test_objects,failure) $(STATIC)
	$(LINK) $(FAULTS:%=-Wl,--wrap=%) -o $@ $^ $(TEST_LIBS)

# --------------------------------------------------------------------- installation

HEADERS := $(wildcard include/latchkey/*.h)
MAN3    := $(wildcard docs/man/*.3)
MAN7    := $(wildcard docs/man/*.7)
in_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$1)

install: all
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/latchkey
	install -m 644 include/latchkey.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/latchkey
	install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblatchkey.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@LIBDIR@|$(call in_prefix,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(call in_prefix,$(INCLUDEDIR))|' \
		latchkey.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/latchkey.pc
	$(if $(MAN3),install -d $(DESTDIR)$(MANDIR)/man3)
	$(if $(MAN3),install -m 644 $(MAN3) $(DESTDIR)$(MANDIR)/man3)
	$(if $(MAN7),install -d $(DESTDIR)$(MANDIR)/man7)
	$(if $(MAN7),install -m 644 $(MAN7) $(DESTDIR)$(MANDIR)/man7)

uninstall:
	rm -f $(DESTDIR)$(INCLUDEDIR)/latchkey.h
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/latchkey/,$(notdir $(HEADERS)))
	[ ! -d $(DESTDIR)$(INCLUDEDIR)/latchkey ] || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(INCLUDEDIR)/latchkey
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(STATIC) $(SHARED)) $(SONAME) \
		liblatchkey.so pkgconfig/latchkey.pc)
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man3/,$(notdir $(MAN3)))
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man7/,$(notdir $(MAN7)))

-include $(shell find $O/obj -name '*.d' 2>/dev/null)
