/*
 * Time and sizes: reading the clocks, writing and parsing moments, durations and byte counts. The
 * one place that formats them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Wall clock and monotonic clock, in microseconds. */
int64_t clock_wall_us(void);
int64_t clock_monotonic_us(void);

/* "2026-11-22T13:05:01.123Z". The caller frees it. */
char *clock_format_utc(int64_t wall_us);

/* Parses ISO 8601 with a zone ("2026-11-22T04:00:00Z", "...-06:00"), the same without a zone (local
 * time), or "HH:MM" (the next such moment in local time after now_us). ERROR_USAGE if it is
 * neither. */
bool clock_parse_time(const char *text, int64_t now_us, int64_t *out_us, GError **error);

/* "0.07 s", "3.2 s", "4 min 10 s", "2 h 5 min". The caller frees it. */
char *clock_format_duration(int64_t duration_us);

/* Parses "250ms", "10s", "5min", "2h", "7d", "7y" or "0" into milliseconds. False if it is none of
 * these. */
bool clock_parse_duration(const char *text, int64_t *out_ms);

/* Parses "4096", "64MiB", "1.5GB" or "2 GiB" into bytes. False if it is none of these. */
bool size_parse(const char *text, uint64_t *out_bytes);

/* "812 B", "1.6 MB" (powers of 1000). The caller frees it. */
char *size_format(uint64_t size_bytes);

/* Sleeps; returns early (false) when a signal asks us to stop. */
bool clock_sleep_ms(int64_t duration_ms);
