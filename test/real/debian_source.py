# SPDX-License-Identifier: BSD-2-Clause
"""Source packages of the Debian that these tests run on, fetched once and kept under build/source.

    fetch(build, package)  ->  the directory that holds the unpacked upstream tree and debian/

They come from where this system's own packages come from: its sources with deb turned into deb-src,
in a file of our own and with lists of our own. Nothing of the system's apt is changed.
"""
import pathlib
import re
import shutil
import subprocess

LIMIT = 900  # seconds; catches hangs only


def source_entries(etc):
    """The system's sources as deb-src: (text in the one-line form, text in deb822 form)."""
    lines, stanzas = [], []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            lines += re.findall(r"^deb(?:-src)?(\s+\S.*)$", path.read_text(), re.M)
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)
        for stanza in filter(str.strip, re.split(r"\n\s*\n", text)):
            stanzas.append(re.sub(r"^Types:.*$", "Types: deb-src", stanza.strip(), flags=re.M))
    one_line = "".join(f"deb-src{rest}\n" for rest in dict.fromkeys(lines))
    return one_line, "".join(stanza + "\n\n" for stanza in dict.fromkeys(stanzas))


def apt_options(apt):
    """Makes apt's directory of our own; the options that keep apt-get to it."""
    (apt / "parts").mkdir(parents=True, exist_ok=True)
    (apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    one_line, deb822 = source_entries(pathlib.Path("/etc/apt"))
    (apt / "parts" / "source.list").write_text(one_line)
    (apt / "parts" / "source.sources").write_text(deb822)
    options = ["Dir::Etc::SourceList=/dev/null", f"Dir::Etc::SourceParts={apt}/parts",
               f"Dir::State::Lists={apt}/lists", "APT::Sandbox::User=root",
               f"Dir::Cache::pkgcache={apt}/pkgcache.bin",
               f"Dir::Cache::srcpkgcache={apt}/srcpkgcache.bin"]
    return [word for option in options for word in ("-o", option)]


def installed_version(package):
    """The source version of what is installed from this source package, or None."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${source:Package} ${source:Version}\n"],
                          capture_output=True, text=True, check=False)
    found = re.search(rf"^{re.escape(package)} (\S+)$", done.stdout, re.M)
    return found and found.group(1)


def fetch(build, package):
    place = pathlib.Path(build).resolve() / "source" / package
    done = place / "unpacked"
    if (place / "complete").exists():
        return done
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    apt = ["apt-get", "-q", *apt_options(place / "apt")]
    version = installed_version(package)
    wanted = f"{package}={version}" if version else package
    run([*apt, "update"], place)
    run([*apt, "source", "--download-only", wanted], place)
    description, = place.glob("*.dsc")
    run(["dpkg-source", "--no-check", "-x", description.name, done.name], place)
    (place / "complete").write_text(wanted)
    return done


def run(command, where):
    ended = subprocess.run(command, cwd=where, text=True, timeout=LIMIT, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}"
