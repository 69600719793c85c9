#include "snapshot/intake_script.h"

#include "base/error.h"
#include "snapshot/script_subject.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Statements of -C and the comments that matter stand near the beginning and the end. */
#define PART_BYTES ((size_t)64 * 1024)

#define BEGIN_MARK "-- PostgreSQL database dump\n"
#define END_MARK "-- PostgreSQL database dump complete\n"
#define CLUSTER_MARK "-- PostgreSQL database cluster dump\n"
#define VERSION_MARK "-- Dumped by pg_dump version "
#define CONNECT_MARK "\\connect "

/* Line ends are made LF: a copy from another system has CR LF. */
static char *read_part(int fd, off_t at, GError **error)
{
    g_autofree char *part = g_malloc(PART_BYTES + 1);
    const ssize_t got = pread(fd, part, PART_BYTES, at);
    size_t kept = 0;
    if (got < 0) {
        error_set_errno(error, errno, "cannot read it");
        return NULL;
    }
    for (ssize_t i = 0; i < got; i++)
        if (part[i] != '\r' && part[i] != '\0')
            part[kept++] = part[i];
    part[kept] = '\0';
    return g_steal_pointer(&part);
}

/* A line that begins so; NULL if there is none. */
static const char *find_line(const char *text, const char *beginning)
{
    const char *at = strstr(text, beginning);
    while (at != NULL && at > text && at[-1] != '\n')
        at = strstr(at + 1, beginning);
    return at;
}

static bool check_origin(const char *head, GError **error)
{
    if (find_line(head, CLUSTER_MARK) != NULL) {
        error_set(error, ERROR_CONFIG, "it is a script of pg_dumpall: all databases of a server");
        error_hint_set(error, "dump the one database with pg_dump and restore that");
        return false;
    }
    if (g_str_has_prefix(head, "-- MySQL dump") || g_str_has_prefix(head, "-- MariaDB dump") ||
        g_str_has_prefix(head, "/*M!")) {
        error_set(error, ERROR_CONFIG, "it is a dump of MySQL or MariaDB, not of PostgreSQL");
        return false;
    }
    return true;
}

static char *read_database(const char *head)
{
    const char *line = find_line(head, CONNECT_MARK);
    g_autofree char *rest = NULL;
    if (line == NULL)
        return NULL;
    line += strlen(CONNECT_MARK);
    rest = g_strndup(line, strcspn(line, "\n"));
    return script_connect_name(g_strstrip(rest));
}

static bool has_end(int fd, off_t size, GError **error)
{
    const off_t at = MAX((off_t)0, size - (off_t)PART_BYTES);
    g_autofree char *tail = read_part(fd, at, error);
    if (tail == NULL)
        return false;
    if (find_line(tail, END_MARK) != NULL)
        return true;
    error_set(error, ERROR_INTEGRITY,
              "it is torn: it begins as a script of pg_dump, and does not end as one");
    return false;
}

static bool read_facts(int fd, off_t size, IntakeScript *script, GError **error)
{
    g_autofree char *head = read_part(fd, 0, error);
    const char *version = NULL;
    if (head == NULL || !check_origin(head, error))
        return false;
    version = find_line(head, VERSION_MARK);
    if (version != NULL)
        script->dump_version_num =
            (int)CLAMP(g_ascii_strtoll(version + strlen(VERSION_MARK), NULL, 10), 0, 999) * 10000;
    if (find_line(head, BEGIN_MARK) != NULL && !has_end(fd, size, error))
        return false;
    script->database = read_database(head);
    return true;
}

bool intake_script_read(const char *path, IntakeScript *script, GError **error)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool done = false;
    if (fd < 0 || fstat(fd, &status) != 0)
        error_set_errno(error, errno, "cannot open it");
    else
        done = read_facts(fd, status.st_size, script, error);
    if (fd >= 0)
        close(fd);
    return done;
}
