/*
 * Uses a store: store URL COMMAND ARGUMENTS...
 *
 *     put KEY [if_absent] [resume] [hint=BYTES] [lock=governance|compliance:SECONDS] [die]
 *                               standard input; die: end without a word when all of it is read
 *     get KEY [OFFSET LENGTH]   to standard output
 *     head KEY                  "SIZE SHA256 LOCK SECONDS-LEFT", or "absent"
 *     list PREFIX               "SIZE KEY" a line
 *     delete KEY | reach | locate KEY
 *     sweep PREFIX SECONDS      what began that long ago, or longer; prints how many
 *     retain KEY governance|compliance SECONDS
 *     put-folder KEY FOLDER | put-file KEY FILE
 *
 * Exits with the error's exit code. STORE_LATEST_MS limits it all; the last line on standard error
 * is the peak of its memory in kB.
 */
#include "store/store.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char block[64 * 1024];

static void read_lock(const char *mode, const char *seconds, StoreRetention *retention)
{
    retention->lock = strncmp(mode, "comp", 4) == 0 ? STORE_LOCK_COMPLIANCE : STORE_LOCK_GOVERNANCE;
    retention->until_us = clock_wall_us() + g_ascii_strtoll(seconds, NULL, 10) * G_USEC_PER_SEC;
}

static bool put(Store *store, char **argv, GError **error)
{
    StorePutOptions options = {0};
    bool die = false;
    g_autoptr(Sink) sink = NULL;
    ssize_t got = 0;
    for (char **at = argv + 1; *at != NULL; at++) {
        options.if_absent = options.if_absent || strcmp(*at, "if_absent") == 0;
        options.resume = options.resume || strcmp(*at, "resume") == 0;
        die = die || strcmp(*at, "die") == 0;
        if (g_str_has_prefix(*at, "hint="))
            options.size_hint_bytes = g_ascii_strtoull(*at + 5, NULL, 10);
        if (g_str_has_prefix(*at, "lock="))
            read_lock(*at + 5, strchr(*at, ':') + 1, &options.retention);
    }
    sink = store_put(store, argv[0], &options, error);
    while (sink != NULL && (got = read(STDIN_FILENO, block, sizeof block)) > 0) {
        if (!sink_write(sink, block, (size_t)got, error))
            return false;
    }
    if (die) {
        g_usleep(G_USEC_PER_SEC); /* what is under way arrives */
        (void)raise(SIGKILL);
    }
    return sink != NULL && sink_commit(sink, error);
}

static bool get(Store *store, char **argv, GError **error)
{
    const uint64_t offset = argv[1] != NULL ? g_ascii_strtoull(argv[1], NULL, 10) : 0;
    const uint64_t length = argv[1] != NULL ? g_ascii_strtoull(argv[2], NULL, 10) : UINT64_MAX;
    g_autoptr(Source) source = store_get(store, argv[0], offset, length, error);
    size_t count = 0;
    if (source == NULL)
        return false;
    do {
        if (!source_read(source, block, sizeof block, &count, error))
            return false;
        (void)fwrite(block, 1, count, stdout);
    } while (count > 0);
    return true;
}

static bool head(Store *store, char **argv, GError **error)
{
    g_autoptr(StoreObject) object = NULL;
    if (!store_head(store, argv[0], &object, error))
        return false;
    if (object == NULL)
        (void)printf("absent\n");
    else
        (void)printf(
            "%llu %s %d %lld\n", (unsigned long long)object->size_bytes,
            object->sha256 != NULL ? object->sha256 : "-", (int)object->retention.lock,
            object->retention.lock != STORE_LOCK_NONE
                ? (long long)((object->retention.until_us - clock_wall_us()) / G_USEC_PER_SEC)
                : 0LL);
    return true;
}

static bool list(Store *store, char **argv, GError **error)
{
    g_autoptr(GPtrArray) objects = store_list(store, argv[0], error);
    for (guint i = 0; objects != NULL && i < objects->len; i++) {
        const StoreObject *object = g_ptr_array_index(objects, i);
        (void)printf("%llu %s\n", (unsigned long long)object->size_bytes, object->key);
    }
    return objects != NULL;
}

static bool sweep(Store *store, char **argv, GError **error)
{
    const int64_t age_us = g_ascii_strtoll(argv[1], NULL, 10) * G_USEC_PER_SEC;
    int count = 0;
    if (!store_sweep(store, argv[0], clock_wall_us() - age_us, &count, error))
        return false;
    (void)printf("%d\n", count);
    return true;
}

static bool retain(Store *store, char **argv, GError **error)
{
    StoreRetention retention;
    read_lock(argv[1], argv[2], &retention);
    return store_set_retention(store, argv[0], &retention, error);
}

static bool put_folder(Store *store, char **argv, GError **error)
{
    uint64_t size_bytes = 0;
    if (!store_put_folder(store, argv[0], argv[1], &size_bytes, error))
        return false;
    (void)printf("%llu\n", (unsigned long long)size_bytes);
    return true;
}

static bool put_file(Store *store, char **argv, GError **error)
{
    return store_put_file(store, argv[0], argv[1], error);
}

static bool delete (Store *store, char **argv, GError **error)
{
    return store_delete(store, argv[0], error);
}

static bool reach(Store *store, char **argv, GError **error)
{
    (void)argv;
    return store_reach(store, error);
}

static bool locate(Store *store, char **argv, GError **error)
{
    g_autofree char *place = store_locate(store, argv[0]);
    (void)error;
    (void)printf("%s\n", place);
    return true;
}

static const struct {
    const char *name;
    int arguments;
    bool (*run)(Store *store, char **argv, GError **error);
} commands[] = {
    {"put", 1, put},       {"get", 1, get},           {"head", 1, head},
    {"list", 1, list},     {"delete", 1, delete},     {"sweep", 2, sweep},
    {"retain", 3, retain}, {"reach", 0, reach},       {"put-folder", 2, put_folder},
    {"locate", 1, locate}, {"put-file", 2, put_file},
};

static void print_memory(void)
{
    g_autofree char *status = NULL;
    const char *peak = NULL;
    if (g_file_get_contents("/proc/self/status", &status, NULL, NULL) &&
        (peak = strstr(status, "VmHWM:")) != NULL)
        (void)fprintf(stderr, "memory %lld\n", (long long)g_ascii_strtoll(peak + 6, NULL, 10));
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) store = NULL;
    const char *latest = g_getenv("STORE_LATEST_MS");
    bool done = false;
    interrupt_install();
    if (g_getenv("STORE_DETAIL") != NULL)
        log_set_level(LOG_DETAIL);
    if (argc < 3)
        return 2;
    store = store_open(argv[1], &error);
    if (store != NULL && latest != NULL)
        store_set_latest(store, clock_monotonic_us() + g_ascii_strtoll(latest, NULL, 10) * 1000);
    for (size_t i = 0; store != NULL && i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[2], commands[i].name) == 0 && argc >= 3 + commands[i].arguments)
            done = commands[i].run(store, argv + 3, &error);
    }
    print_memory();
    if (!done && error != NULL)
        log_error(error);
    return done ? 0 : error_exit_code(error);
}
