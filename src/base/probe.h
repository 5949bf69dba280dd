/* SPDX-License-Identifier: MIT */
/*
 * Static probes (USDT) for perf, bpftrace and SystemTap: one `nop` and a note in the library each.  They sit
 * on slow ways only.  Without <sys/sdt.h>, or over another back end of the shim, they are nothing.
 * docs/probes.md has the list.
 */
#ifndef LK_BASE_PROBE_H
#define LK_BASE_PROBE_H

#include "base/compiler.h"

#if defined(__has_include) && !defined(LK_SHIM_H) && !defined(LK_NO_PROBES)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define LK_HAS_PROBES 1
#endif
#endif

#ifdef LK_HAS_PROBES
#define PROBE1(name, a)          DTRACE_PROBE1(latchkey, name, a)
#define PROBE2(name, a, b)       DTRACE_PROBE2(latchkey, name, a, b)
#define PROBE4(name, a, b, c, d) DTRACE_PROBE4(latchkey, name, a, b, c, d)
#else
#define PROBE1(name, a)          ((void)(a))
#define PROBE2(name, a, b)       ((void)(a), (void)(b))
#define PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

#endif /* LK_BASE_PROBE_H */
