/*
 * Files: whole-file reading, atomic writing, append-only logs that survive a crash, folders.
 *
 * An atomic write is: temporary name, write, fsync, close, rename, fsync of the folder; each step
 * checked. Everything that is created is readable by the owner alone (0600, 0700).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a file of at most max_bytes; *text has a NUL behind it. The caller frees it with g_free().
 */
bool file_read(const char *path, size_t max_bytes, char **text, size_t *size_bytes, GError **error);

/* All of them, however many calls it takes; false with errno. */
bool file_write_all(int fd, const void *data, size_t size_bytes);

/* Replaces path by these bytes, or leaves it as it was. */
bool file_write_atomic(const char *path, const void *data, size_t size_bytes, GError **error);

/* Creates the folder and its parents; an existing one is fine. */
bool file_make_folder(const char *path, GError **error);

/* Creates the last folder of path, which must not exist; sets *existed if that is why it failed. */
bool file_make_new_folder(const char *path, bool *existed, GError **error);

bool file_sync_folder(const char *path, GError **error);
bool file_rename(const char *from, const char *to, GError **error);
bool file_exists(const char *path);

/* Removes a file, or a folder with everything in it, without following links. Absent is fine. */
bool file_remove_tree(const char *path, GError **error);

/* Free space for an unprivileged user on the file system that holds path. */
bool file_free_space(const char *path, uint64_t *free_bytes, GError **error);

/* An append-only file: every file_log_append() is one line on disk before it returns. A last line
 * that a crash left torn is cut off when the file is opened. */
typedef struct FileLog FileLog;
FileLog *file_log_open(const char *path, GError **error);
bool file_log_append(FileLog *log, const char *line, GError **error);
void file_log_close(FileLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileLog, file_log_close)
