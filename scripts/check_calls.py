# SPDX-License-Identifier: Apache-2.0
"""The rules of check-calls.sh, on C text without its comments and strings."""
import glob
import re
import sys

MODULES = ["format", "search", "locals", "librecord", "compactor", "cli"]
LIBRARIES = ["format", "search", "locals", "librecord", "compactor"]

RAW = """open openat openat2 creat read pread preadv readv write pwrite pwritev writev fsync
    fdatasync sync_file_range syncfs sync rename renameat renameat2 link linkat symlink symlinkat
    readlink readlinkat unlink unlinkat remove rmdir mkdir mkdirat mkdtemp mkstemp stat fstat lstat
    fstatat statx statvfs fstatvfs close dup dup2 dup3 pipe pipe2 fcntl flock ioctl truncate
    ftruncate fallocate posix_fallocate posix_fadvise mmap munmap mremap msync memfd_create access
    faccessat chmod fchmod chown fchown utimensat futimens opendir fdopendir readdir closedir
    scandir nftw ftw glob fopen freopen fdopen popen pclose tmpfile clock_gettime gettimeofday
    time getrandom getentropy rand random srand fork vfork execv execve execvp execl execlp
    posix_spawn posix_spawnp system wait waitpid waitid kill getpid getppid getuid geteuid
    gethostname uname getcwd chdir nanosleep usleep sleep poll ppoll select syscall
    getrlimit setrlimit isatty ttyname""".split()
BANNED = """sprintf vsprintf strcpy strcat strncat stpcpy gets atoi atol atof atoll alloca strtok
    asctime ctime tmpnam mktemp""".split()
LOUD = "exit _exit _Exit quick_exit abort printf vprintf puts putchar perror".split()

# A call: the bare name before a parenthesis, not a member, not part of a longer name.
def calls(names):
    return re.compile(r"(?<![\w.])(?<!->)\b(" + "|".join(names) + r")\s*\(")


COMMENT = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    """Keeps line numbers."""
    return "\n" * match[0].count("\n") + " "


failed = False
for module in MODULES:
    rules = [(calls(BANNED), "is banned")]
    if module in LIBRARIES:
        rules.append((calls(LOUD), "has no place in a library"))
    for path in sorted(glob.glob(f"{module}/**/*.[ch]", recursive=True)):
        with open(path, encoding="utf-8") as file:
            text = COMMENT.sub(blank, file.read())
        here = list(rules)
        if not re.fullmatch(r"format/os\w*\.c", path):
            here.append((calls(RAW), "stands outside format/os*.c"))
        for rule, words in here:
            for match in rule.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                print(f"{path}:{line}: {match[1]}() {words}")
                failed = True
sys.exit(failed)
