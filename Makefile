# SPDX-License-Identifier: MIT
#
# Latchkey.  `make` builds the library, `make help` says what else there is.
#
#   CC=clang                 another compiler
#   SAN=address,undefined    with sanitizers (SAN=thread); tests then use tests/lib/runner.c
#   DEBUG=1                  without optimisation, with internal checks
#   DELAYS=1                 threads sleep at random between their steps (tests/delays)
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
BINDIR     ?= $(PREFIX)/bin
SHAREDIR   ?= $(PREFIX)/share

# ------------------------------------------------------------------ configuration

ifeq ($(origin CC),default)
CC := gcc
endif
comma  := ,
RUNNER ?= $(if $(SAN),mini,criterion)

ifneq ($(DELAYS),)
SHIM := "tests/delays/backend.h"
endif
SHIM_NAME := $(subst .,-,$(notdir $(subst ",,$(SHIM))))
CFG := $(notdir $(firstword $(CC)))-$(if $(SAN),san-$(subst $(comma),-,$(SAN)),$(if \
	$(DEBUG),debug,release))$(if $(DELAYS),-delays,$(if $(SHIM),-shim-$(SHIM_NAME)))$(if \
	$(filter mini,$(RUNNER)),$(if $(SAN),,-mini))
O   := build/$(CFG)
OUT := $(if $(filter gcc-release,$(CFG)),build,$O)

# Sanitizers confuse the compiler's flow analysis: there, warnings are only warnings, and one that is mostly wrong is off.
WERROR   ?= $(if $(SAN),-Wno-maybe-uninitialized,-Werror)
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
CFLAGS   ?= $(if $(SAN),-O1 -g -fno-omit-frame-pointer,$(if $(DEBUG)$(DELAYS),-O0 -g,-O2 -g))

BASE_CFLAGS := -std=gnu11 $(WARNINGS) -pthread -Iinclude -MMD -MP
BASE_CFLAGS += $(if $(DEBUG),-DLK_DEBUG) $(if $(DELAYS),-DLK_DELAYS -finstrument-functions) $(if $(SHIM),-I. -DLK_SHIM_H='$(SHIM)')
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
TXNKV    := $(OUT)/examples/txnkv $(OUT)/examples/txnkv-check $(OUT)/examples/txnkv-bench
FLAT     := $(OUT)/liblatchkey-flat.so.$(SOVERSION)
EXAMPLES := $(patsubst examples/%.c,$(OUT)/examples/%,$(wildcard examples/*.c)) $(RESPD) $(TXNKV) $(FLAT)
BENCH    := $(OUT)/bench/latchkey-bench
# clang links its thread sanitizer into the program, where tests/failure would wrap the sanitizer's calls too.
FAILURE  := $(if $(and $(findstring clang,$(CC)),$(findstring thread,$(SAN))),,failure)
FOLDER   := $(if $(FAILURE),folder)
# Counts what each access of the core touches, for which sanitizers have no eyes.
LINES    := $(if $(SAN)$(SHIM),,lines)
SQLITE_LIBS := $(shell pkg-config --libs sqlite3 2>/dev/null)
REDIS_LIBS  := $(shell pkg-config --libs hiredis openssl 2>/dev/null)
REDIS_TESTS := $(if $(REDIS_LIBS),$(if $(shell command -v redis-server),redis))
TESTS    := $(foreach d,unit record api stress $(FAILURE) model isolation txnkv processes $(FOLDER) $(LINES) $(if $(SQLITE_LIBS),sqlite) $(REDIS_TESTS),$(if $(wildcard tests/$d/*.c),$O/tests/$d))

# Stores that are part of the library: they see include/ and their own folders only.
BUILTIN  := $(wildcard adapters/*.c $(foreach d,common test file,adapters/$d/*.c))
CORE_OBJ := $(patsubst %.c,$O/obj/%.o,$(wildcard src/*/*.c) $(if $(DELAYS),tests/delays/delays.c))
LIB_OBJ  := $(CORE_OBJ) $(BUILTIN:%.c=$O/obj/%.o)
LK_LIBS := $(STATIC) $(if $(SAN),,$(SHARED) $(SOLINKS))

# The store in SQLite: a library of its own, if there is an SQLite; it reads records (adapters/sqlite/guard.c).
SQLITE_STATIC := $(OUT)/liblatchkey-sqlite.a
SQLITE_SONAME := liblatchkey-sqlite.so.$(SOVERSION)
SQLITE_SHARED := $(OUT)/liblatchkey-sqlite.so.$(VERSION)
SQLITE_LINKS  := $(OUT)/$(SQLITE_SONAME) $(OUT)/liblatchkey-sqlite.so
SQLITE_OBJ    := $(patsubst %.c,$O/obj/%.o,$(wildcard adapters/sqlite/*.c adapters/common/*.c src/record/*.c src/mode/*.c))
SQLITE_ALL    := $(if $(SQLITE_LIBS),$(SQLITE_STATIC) $(SQLITE_SHARED) $(SQLITE_LINKS))

# The store in Redis, if there are hiredis and OpenSSL; by another name it is that of "rediss:".
REDIS_STATIC := $(OUT)/liblatchkey-redis.a
REDIS_SONAME := liblatchkey-redis.so.$(SOVERSION)
REDIS_SHARED := $(OUT)/liblatchkey-redis.so.$(VERSION)
REDIS_LINKS  := $(OUT)/$(REDIS_SONAME) $(OUT)/liblatchkey-redis.so $(OUT)/liblatchkey-rediss.so.$(SOVERSION)
REDIS_OBJ    := $(patsubst %.c,$O/obj/%.o,$(wildcard adapters/redis/*.c adapters/common/*.c))
REDIS_ALL    := $(if $(REDIS_LIBS),$(REDIS_STATIC) $(REDIS_SHARED) $(REDIS_LINKS))

# The command line, if there is a jansson: of public headers only.
JANSSON_LIBS := $(shell pkg-config --libs jansson 2>/dev/null)
CLI_OBJ      := $(patsubst %.c,$O/obj/%.o,$(wildcard src/tool/cli/*.c))
CLI          := $(if $(JANSSON_LIBS),$(OUT)/latchkey)

.PHONY: all cli help examples tests store-check test check check-deep coverage demo bench bench-deps bench-report lint lint-deep format install uninstall clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(LK_LIBS) $(SQLITE_ALL) $(REDIS_ALL) $(CLI)

help:
	@sed -n '/^#$$/,/^$$/s/^# \{0,1\}//p' Makefile
	@echo 'make [all]   the libraries, and the command line;   make cli   that alone'
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
	clang-format -i $$(find src adapters include tests examples bench -name '*.[ch]')

clean:
	rm -rf build

# ------------------------------------------------------------------------- library

# A change of compiler, flags or list of sources rebuilds what was made with others.
$O/flags: STAMP = $(strip $(CC) $(CFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(LIB_CFLAGS) $(LDFLAGS))
$O/objects: STAMP = $(LIB_OBJ) $(SQLITE_OBJ) $(REDIS_OBJ) $(CLI_OBJ)
$O/flags $O/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(STAMP))' | cmp -s - $@ || echo '$(subst ','\'',$(STAMP))' >$@
FORCE:

COMPILE = @mkdir -p $(@D) && echo '  $(notdir $(CC))	$<' && \
	$(CC) $(CPPFLAGS) $(CFLAGS) $(BASE_CFLAGS)
LINK    = @mkdir -p $(@D) && echo '  link	$@' && $(CC) $(CFLAGS) $(LDFLAGS) $(SAN_FLAGS)

$O/obj/src/%.o: src/%.c $O/flags
	$(COMPILE) $(LIB_CFLAGS) -c $< -o $@

$O/obj/adapters/%.o: adapters/%.c $O/flags
	$(COMPILE) $(filter-out -Isrc,$(LIB_CFLAGS)) -Iadapters $(READS_RECORDS) -c $< -o $@
$O/obj/adapters/sqlite/guard.o: READS_RECORDS := -Isrc

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

$O/latchkey-sqlite.o: $(SQLITE_OBJ) $O/objects
	@echo '  ld -r	$@'
	@$(LD) -r -o $@.all $(SQLITE_OBJ)
	@$(OBJCOPY) -w --keep-global-symbol='lk_sqlite_*' --keep-global-symbol=lk_store_sqlite $@.all $@

$(SQLITE_STATIC): $O/latchkey-sqlite.o
	@mkdir -p $(@D) && rm -f $@
	@$(AR) rcsD $@ $<

# nodelete, as it has a handler for fork().
$(SQLITE_SHARED): $(SQLITE_OBJ) $O/objects adapters/sqlite/sqlite.map
	$(LINK) -shared -Wl,-soname,$(SQLITE_SONAME) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) \
		-Wl,--version-script=adapters/sqlite/sqlite.map -Wl,-z,nodelete -o $@ $(SQLITE_OBJ) \
		$(SQLITE_LIBS) -pthread

$(OUT)/$(SQLITE_SONAME): $(SQLITE_SHARED)
	@ln -sf $(<F) $@
$(OUT)/liblatchkey-sqlite.so: $(OUT)/$(SQLITE_SONAME)
	@ln -sf $(<F) $@

$O/latchkey-redis.o: $(REDIS_OBJ) $O/objects
	@echo '  ld -r	$@'
	@$(LD) -r -o $@.all $(REDIS_OBJ)
	@$(OBJCOPY) --keep-global-symbol=lk_store_redis --keep-global-symbol=lk_store_rediss $@.all $@

$(REDIS_STATIC): $O/latchkey-redis.o
	@mkdir -p $(@D) && rm -f $@
	@$(AR) rcsD $@ $<

$(REDIS_SHARED): $(REDIS_OBJ) $O/objects adapters/redis/redis.map
	$(LINK) -shared -Wl,-soname,$(REDIS_SONAME) $(if $(SAN),,-Wl$(comma)-z$(comma)defs) \
		-Wl,--version-script=adapters/redis/redis.map -Wl,-z,nodelete -o $@ $(REDIS_OBJ) \
		$(REDIS_LIBS) -pthread

$(OUT)/$(REDIS_SONAME): $(REDIS_SHARED)
	@ln -sf $(<F) $@
$(OUT)/liblatchkey-redis.so $(OUT)/liblatchkey-rediss.so.$(SOVERSION): $(OUT)/$(REDIS_SONAME)
	@ln -sf $(<F) $@

OBJCOPY ?= objcopy

# ---------------------------------------------------------------------- command line

cli: $(CLI) $(SQLITE_ALL) $(REDIS_ALL)

$O/obj/src/tool/%.o: src/tool/%.c $O/flags
	$(COMPILE) -D_GNU_SOURCE -c $< -o $@

# It loads stores that lie beside it, or where they are installed.
$(OUT)/latchkey: $(CLI_OBJ) $(STATIC) $O/objects
	$(LINK) -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib' -o $@ $(CLI_OBJ) $(STATIC) $(JANSSON_LIBS) $(LIBS)

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

# A store of one's own, which is loaded when a URL says "flat:".  It needs nothing of Latchkey but a header.
$(FLAT): $(wildcard examples/flat/*.[ch]) include/latchkey/store.h $O/flags
	$(COMPILE) -fPIC -fvisibility=hidden -shared -o $@ $(filter %.c,$^)

# A store, its checker and its benchmark; what they share is also tested (tests/txnkv).
TXNKV_OBJ  := $(patsubst %.c,$O/obj/%.o,$(wildcard examples/txnkv/*.c))
TXNKV_LIBS := -lsqlite3 $(LIBS)
$O/txnkv.a: $(filter-out %/main_shell.o %/main_check.o %/main_bench.o,$(TXNKV_OBJ))
	@rm -f $@
	@$(AR) rcsD $@ $^
$(OUT)/examples/txnkv: $O/obj/examples/txnkv/main_shell.o $O/txnkv.a $(STATIC)
	$(LINK) -o $@ $^ $(TXNKV_LIBS)
$(OUT)/examples/txnkv-%: $O/obj/examples/txnkv/main_%.o $O/txnkv.a $(STATIC)
	$(LINK) -o $@ $^ $(TXNKV_LIBS)

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
BENCH_STORES := $(if $(SQLITE_LIBS),$(SQLITE_STATIC)) $(if $(REDIS_LIBS),$(REDIS_STATIC)) $(STATIC)
$(BENCH): $(BENCH_OBJ) $(BENCH_STORES) $O/peers.mk
	$(LINK) -o $@ $(BENCH_OBJ) $(BENCH_STORES) $(BENCH_PEERS_LIBS) $(REDIS_LIBS) \
		$(if $(filter %.cc,$(BENCH_PEERS)),-lstdc++) $(LIBS) -lm

# Tests of the public API do not see src/; unit tests do.
TEST_CFLAGS := -Itests/lib $(if $(filter mini,$(RUNNER)),-DLK_MINI_RUNNER)
TEST_CFLAGS += $(if $(SAN),-DLK_TIMEOUT_FACTOR=5)
# clang's idea of -Wconversion wants a cast for every lk_mode that becomes an int
TEST_CFLAGS += $(if $(findstring clang,$(CC)),-Wno-sign-conversion)
TEST_LIBS   := $(LIBS) -lm $(if $(filter mini,$(RUNNER)),,-lcriterion)
HARNESS     := $O/obj/tests/lib/harness.o $(if $(filter mini,$(RUNNER)),$O/obj/tests/lib/runner.o)

$O/obj/tests/unit/%.o: tests/unit/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Isrc $(URCU_CFLAGS) -c $< -o $@
$O/obj/tests/record/%.o: tests/record/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Isrc $(URCU_CFLAGS) -c $< -o $@
$O/obj/tests/delays/%.o: tests/delays/%.c $O/flags
	$(COMPILE) $(LIB_CFLAGS) -c $< -o $@
$O/obj/tests/%.o: tests/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -c $< -o $@

test_objects = $(patsubst %.c,$O/obj/%.o,$(wildcard tests/$1/*.c)) $(HARNESS)
$O/tests/unit: $(call test_objects,unit) $O/internal.a
	$(LINK) -o $@ $^ $(TEST_LIBS)
$O/tests/record: $(call test_objects,record) $O/internal.a
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

# Real processes: the tests, and the program that they start.
$O/obj/tests/processes/%.o: tests/processes/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Isrc $(URCU_CFLAGS) -c $< -o $@
$O/tests/processes-child: $(patsubst %.c,$O/obj/%.o,$(wildcard tests/processes/child/*.c)) \
		$O/obj/tests/processes/board.o $(STATIC)
	$(LINK) -o $@ $^ $(LIBS)
$O/tests/processes: $(call test_objects,processes) $(LIB_OBJ) | $O/tests/processes-child $O/tests/processes-shift.so $(SQLITE_ALL)
	$(LINK) -o $@ $^ $(TEST_LIBS)
$O/obj/tests/processes/%.o: TEST_CFLAGS += -DLK_TEST_LIBRARIES='"$(abspath $(OUT))"'
# Wrong clocks, loaded before a child: never with a sanitizer, whose own library would come too late.
$O/tests/processes-shift.so $O/tests/redis-shift.so: tests/processes/shift/shift.c tests/processes/shift/shift.h $O/flags
	@mkdir -p $(@D) && echo '  $(notdir $(CC))	$<'
	@$(CC) -std=gnu11 $(WARNINGS) -O1 -g -fPIC -shared -o $@ $<

# Does a store keep its promises?  Of any URL.
STORE_CHECK := $(OUT)/latchkey-store-check
$(STORE_CHECK): $(patsubst %.c,$O/obj/%.o,$(wildcard tests/store/*.c)) $(STATIC)
	$(LINK) -rdynamic -o $@ $^ $(LIBS)

# A store that has to be loaded, for the same.
LOADED := $(OUT)/liblatchkey-loaded.so.$(SOVERSION)
$(LOADED): tests/store/loaded/loaded.c $O/flags
	$(COMPILE) -fPIC -shared -o $@ $<
store-check: $(STORE_CHECK) $(LOADED) $(FLAT) $(SQLITE_ALL) $(REDIS_ALL)

# What the programs of examples/txnkv are made of.
$O/obj/tests/txnkv/%.o: tests/txnkv/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Iexamples/txnkv -c $< -o $@
$O/tests/txnkv: $(call test_objects,txnkv) $O/txnkv.a $(STATIC)
	$(LINK) -o $@ $^ -lsqlite3 $(TEST_LIBS)

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

# The store in SQLite, and one part of it alone.
$O/obj/tests/sqlite/%.o: tests/sqlite/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Iadapters -c $< -o $@
$O/tests/sqlite: $(call test_objects,sqlite) $O/obj/adapters/common/turns.o $(SQLITE_STATIC) $(STATIC)
	$(LINK) -o $@ $^ $(SQLITE_LIBS) $(TEST_LIBS)

# The store in Redis, with servers that the tests start.
$O/obj/tests/redis/%.o: tests/redis/%.c $O/flags
	$(COMPILE) $(TEST_CFLAGS) -Iadapters -c $< -o $@
$O/tests/redis: $(call test_objects,redis) $O/obj/adapters/redis/where.o $(REDIS_STATIC) $(STATIC) | $O/tests/redis-shift.so
	$(LINK) -o $@ $^ $(REDIS_LIBS) $(TEST_LIBS)

# The calls of the system by which stores in folders are kept, which fail, or kill.
FOLDER_FAULTS := pread pwrite fsync fallocate ftruncate renameat unlinkat mkdir open openat fcntl fstat lseek fstatat \
	fstatfs inotify_init1 inotify_add_watch eventfd mempcpy
$O/tests/folder: $(call test_objects,folder) $(STATIC)
	$(LINK) $(FOLDER_FAULTS:%=-Wl,--wrap=%) -o $@ $^ $(TEST_LIBS)

# --------------------------------------------------------------------- installation

HEADERS := $(wildcard include/latchkey/*.h)
MAN3    := $(wildcard docs/man/*.3)
MAN7    := $(wildcard docs/man/*.7)
STORE_CHECK_MAN := docs/man/latchkey-store-check.1
PC = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@LIBDIR@|$(call in_prefix,$(LIBDIR))|' \
	-e 's|@INCLUDEDIR@|$(call in_prefix,$(INCLUDEDIR))|'
INSTALL_SQLITE = install -m 644 $(SQLITE_STATIC) $(DESTDIR)$(LIBDIR) && \
	install -m 755 $(SQLITE_SHARED) $(DESTDIR)$(LIBDIR) && \
	ln -sf $(notdir $(SQLITE_SHARED)) $(DESTDIR)$(LIBDIR)/$(SQLITE_SONAME) && \
	ln -sf $(SQLITE_SONAME) $(DESTDIR)$(LIBDIR)/liblatchkey-sqlite.so && \
	$(PC) adapters/sqlite/latchkey-sqlite.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/latchkey-sqlite.pc
# The command line, and what shells know of it.
INSTALL_CLI = install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(COMPLETION_DIRS) && \
	install -m 755 $(CLI) $(DESTDIR)$(BINDIR) && \
	install -m 644 docs/man/latchkey.1 $(DESTDIR)$(MANDIR)/man1 && \
	install -m 644 src/tool/cli/completions/latchkey.bash $(word 1,$(COMPLETION_DIRS))/latchkey && \
	install -m 644 src/tool/cli/completions/_latchkey $(word 2,$(COMPLETION_DIRS)) && \
	install -m 644 src/tool/cli/completions/latchkey.fish $(word 3,$(COMPLETION_DIRS))
COMPLETION_DIRS = $(addprefix $(DESTDIR)$(SHAREDIR)/,bash-completion/completions zsh/site-functions \
	fish/vendor_completions.d)
INSTALL_REDIS = install -m 644 $(REDIS_STATIC) $(DESTDIR)$(LIBDIR) && \
	install -m 755 $(REDIS_SHARED) $(DESTDIR)$(LIBDIR) && \
	ln -sf $(notdir $(REDIS_SHARED)) $(DESTDIR)$(LIBDIR)/$(REDIS_SONAME) && \
	ln -sf $(REDIS_SONAME) $(DESTDIR)$(LIBDIR)/liblatchkey-redis.so && \
	ln -sf $(REDIS_SONAME) $(DESTDIR)$(LIBDIR)/liblatchkey-rediss.so.$(SOVERSION) && \
	$(PC) adapters/redis/latchkey-redis.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/latchkey-redis.pc
in_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$1)

install: all $(STORE_CHECK)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	install -m 755 $(STORE_CHECK) $(DESTDIR)$(BINDIR)
	install -m 644 $(STORE_CHECK_MAN) $(DESTDIR)$(MANDIR)/man1
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/latchkey
	install -m 644 include/latchkey.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/latchkey
	install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(SHARED)) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblatchkey.so
	$(PC) latchkey.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/latchkey.pc
	$(if $(SQLITE_ALL),$(INSTALL_SQLITE))
	$(if $(CLI),$(INSTALL_CLI))
	$(if $(REDIS_ALL),$(INSTALL_REDIS))
	$(if $(MAN3),install -d $(DESTDIR)$(MANDIR)/man3)
	$(if $(MAN3),install -m 644 $(MAN3) $(DESTDIR)$(MANDIR)/man3)
	$(if $(MAN7),install -d $(DESTDIR)$(MANDIR)/man7)
	$(if $(MAN7),install -m 644 $(MAN7) $(DESTDIR)$(MANDIR)/man7)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/$(notdir $(STORE_CHECK)) \
		$(DESTDIR)$(MANDIR)/man1/$(notdir $(STORE_CHECK_MAN))
	rm -f $(DESTDIR)$(INCLUDEDIR)/latchkey.h
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/latchkey/,$(notdir $(HEADERS)))
	[ ! -d $(DESTDIR)$(INCLUDEDIR)/latchkey ] || \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$(INCLUDEDIR)/latchkey
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(STATIC) $(SHARED)) $(SONAME) \
		liblatchkey.so pkgconfig/latchkey.pc)
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(SQLITE_STATIC) $(SQLITE_SHARED)) \
		$(SQLITE_SONAME) liblatchkey-sqlite.so pkgconfig/latchkey-sqlite.pc)
	rm -f $(DESTDIR)$(BINDIR)/latchkey $(DESTDIR)$(MANDIR)/man1/latchkey.1
	rm -f $(join $(COMPLETION_DIRS),/latchkey /_latchkey /latchkey.fish)
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(notdir $(REDIS_STATIC) $(REDIS_SHARED)) \
		$(REDIS_SONAME) liblatchkey-redis.so liblatchkey-rediss.so.$(SOVERSION) \
		pkgconfig/latchkey-redis.pc)
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man3/,$(notdir $(MAN3)))
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man7/,$(notdir $(MAN7)))

-include $(shell find $O/obj -name '*.d' 2>/dev/null)
