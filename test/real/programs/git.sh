# git: many small files, renames, locks, hooks, a pager's pipes.
cd /tmp && mkdir w && cd w || exit
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z' GIT_PAGER=cat
git config --global user.email a@b.c; git config --global user.name n; git config --global init.defaultBranch main
git init -q r && cd r && seq 1000 >n && echo x >f && git add . && git commit -qm first && git rev-parse HEAD
echo y >>f; git diff --stat; git commit -qam second; git log --oneline --stat; git checkout -qb br HEAD~1
echo z >new; git add new; git commit -qm third; git checkout -q main; git merge -q br -m merge; git log --graph --oneline
git status; git gc -q; git fsck; git clone -q . ../c && ls ../c; git archive HEAD | tar tf -; git grep -n y; git blame f
echo w >>f; git stash -q; git stash pop -q; git diff; git reset -q --hard; git mv f g; git status --short
