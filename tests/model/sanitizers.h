/* SPDX-License-Identifier: MIT */
/* Which sanitizer this is compiled with: gcc and clang say it in two ways. */
#ifndef MODEL_SANITIZERS_H
#define MODEL_SANITIZERS_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MODEL_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define MODEL_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define MODEL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define MODEL_TSAN 1
#endif

#endif /* MODEL_SANITIZERS_H */
